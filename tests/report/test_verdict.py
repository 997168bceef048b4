"""The number at the top of a page, with the error that its estimate has."""

import dataclasses

from lowerbound.report.verdict import verdict
from tests.findings.test_sentences import about


def test_an_exact_number_has_no_error_of_estimation():
    assert verdict(about(exact=True)).value == "−9.00"
    assert verdict(about()).value == "−9.000 ± 0.010"


def test_bits_and_missing_cells_are_told_where_there_are_some():
    assert verdict(about()).details == ("mean over 100 rows", "± 0.10 for other rows from the same source")
    found = dataclasses.replace(about(bits_per_dimension=3.25), share_of_missing_cells=0.25)
    assert verdict(found).details == (
        "mean over 100 rows",
        "of their observed cells, 25% being missing",
        "± 0.10 for other rows from the same source",
        "3.250 bits per dimension",
    )
