"""The rule of trust, at its limits."""

import math

import numpy as np
import pytest

from lowerbound.evaluate.trust import is_trusted, share_untrusted, untrusted_cells_note, untrusted_note


def test_rows_without_a_tail_are_not_counted():
    assert share_untrusted(np.array([0.7, 0.71, np.nan, np.inf])) == pytest.approx(2 / 3)
    assert math.isnan(share_untrusted(np.full(3, np.nan)))


@pytest.mark.parametrize(
    ("share", "exact", "trusted"),
    [(0.0, False, True), (0.1, False, True), (0.2, False, False), (math.nan, False, None), (math.nan, True, True)],
)
def test_one_row_in_ten_may_be_untrusted(share: float, exact: bool, trusted: bool | None):
    assert is_trusted(share, exact=exact) is trusted
    note = untrusted_note(share, exact=exact, n_samples=500)
    assert bool(note) == (trusted is False)
    if not exact:
        assert bool(untrusted_cells_note(share, n_samples=500)) == (trusted is False)
    if note:
        assert note.startswith("log p(x) cannot be trusted for 20% of the rows (Pareto k-hat above 0.7 with 500 draws)")
