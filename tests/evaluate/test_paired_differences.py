"""Comparisons of hand-made evidence: every number was computed with pencil and paper, every table was read."""

import dataclasses
import math

import numpy as np
import pytest

from lowerbound.evaluate.evidence import Evidence
from lowerbound.evaluate.paired_differences import Candidate, compare_evidence

REALS, BITS = "Lebesgue measure", "counting measure on {0, 1}"


def evidence(per_row, *, error: float = 0.0, measure: str = REALS, k: float = math.nan) -> Evidence:
    """Exact where there is no Monte Carlo error."""
    per_row = np.asarray(per_row, float)
    n, exact = len(per_row), error == 0
    spread = math.nan if n == 1 else math.inf
    if n > 1 and np.isfinite(per_row).all():
        spread = float(per_row.std(ddof=1)) / math.sqrt(n)
    return Evidence(
        value=float(per_row.mean()),
        standard_error=error,
        sampling_error=spread,
        per_row=per_row,
        per_row_standard_error=np.full(n, error * math.sqrt(n)),
        effective_sample_size=np.ones(n),
        pareto_k=np.full(n, k),
        n_samples=0 if exact else 500,
        exact=exact,
        base_measure=measure,
    )


def comparison(notes=(), n_rows=4, **models):
    return compare_evidence(
        [Candidate(name, found, 1, 0.5) for name, found in models.items()], n_rows=n_rows, notes=notes
    )


def test_differences_are_paired_by_row():
    # Differences 1 - 2, 3 - 4, 5 - 7, 7 - 11: -1, -1, -2, -4. Mean -2, variance (1 + 1 + 0 + 4) / 3 = 2, over 4 rows 0.5.
    found = comparison(a=evidence([1, 3, 5, 7]), b=evidence([2, 4, 7, 11]))
    a, b = found
    assert (a.value, b.value) == (4.0, 6.0)
    assert found.best == "b"
    assert a.difference == -2.0
    assert a.difference_standard_error == pytest.approx(math.sqrt(0.5))
    assert (b.difference, b.difference_standard_error) == (0.0, 0.0)
    assert a.difference_standard_error < math.hypot(a.sampling_error, b.sampling_error) / 2


def test_monte_carlo_errors_are_added_in_quadrature():
    found = comparison(a=evidence([1, 3, 5, 7], error=0.3), b=evidence([2, 4, 7, 11], error=0.4))
    a, b = found
    assert a.difference_standard_error == pytest.approx(math.sqrt(0.5 + 0.09 + 0.16))
    assert (b.difference, b.difference_standard_error) == (0.0, 0.0)
    assert (a.standard_error, a.exact, a.n_samples) == (0.3, False, 500)


def test_models_carry_what_was_measured():
    model = compare_evidence([Candidate("a", evidence([0, 2]), n_parameters=7, fit_seconds=1.5)], n_rows=2).models[0]
    assert dataclasses.asdict(model) == {
        "name": "a", "value": 1.0, "standard_error": 0.0, "sampling_error": 1.0, "exact": True, "n_samples": 0,
        "n_parameters": 7, "fit_seconds": 1.5, "base_measure": REALS, "difference": 0.0,
        "difference_standard_error": 0.0, "reason": "", "notes": (),
    }  # fmt: skip


def test_equal_models_differ_by_zero_and_the_first_is_the_best():
    rows = [0.1, 0.7, -0.3, 0.4]
    found = comparison(a=evidence([0, 0, 0, 0]), b=evidence(rows), c=evidence(rows), d=evidence(rows, error=0.5))
    assert found.best == "b"
    _, b, c, d = found
    assert (b.difference, b.difference_standard_error) == (0.0, 0.0)
    assert (c.difference, c.difference_standard_error) == (0.0, 0.0)
    assert (d.difference, d.difference_standard_error) == (0.0, 0.5)


def test_one_row_has_a_difference_without_an_error():
    first, best = comparison(n_rows=1, a=evidence([1.0]), b=evidence([3.0]))
    assert first.difference == -2.0
    assert math.isnan(first.difference_standard_error)
    assert (best.difference, best.difference_standard_error) == (0.0, 0.0)
    assert "mean over 1 row," in str(comparison(n_rows=1, a=evidence([1.0])))


def test_a_single_draw_leaves_the_error_unknown():
    first, _ = comparison(a=evidence([1, 3, 5, 7], error=math.nan), b=evidence([2, 4, 7, 11]))
    assert first.difference == -2.0
    assert math.isnan(first.difference_standard_error)


def test_only_one_base_measure_has_values_and_it_is_that_of_the_first_density():
    found = comparison(
        code="it has no density.",
        a=evidence([1, 3, 5, 7]),
        bits=evidence([9, 9, 9, 9], measure=BITS),
        b=evidence([0] * 4),
    )
    code, a, bits, b = found
    assert found.base_measure == REALS
    assert found.best == "a"  # the higher value in another unit has no say
    assert code.reason == "it has no density."
    assert code.base_measure == ""
    assert bits.reason == (
        "its log p(x) is with respect to another base measure (counting measure on {0, 1}) than that of a (Lebesgue measure), "
        "and the two are not in one unit."
    )
    assert bits.base_measure == BITS
    for blank in (code, bits):
        numbers = (blank.value, blank.standard_error, blank.sampling_error, blank.difference)
        assert np.isnan([*numbers, blank.difference_standard_error]).all()
        assert blank.exact is None
    assert b.difference == -4.0
    assert (a.reason, b.reason) == ("", "")


def test_a_row_without_any_density_is_an_infinite_loss():
    found = comparison(a=evidence([1, -np.inf, 5, 7]), b=evidence([0, 0, 0, 0]))
    a, b = found
    assert found.best == "b"
    assert (a.value, a.difference, a.difference_standard_error, a.reason) == (-math.inf, -math.inf, math.inf, "")
    assert (b.difference, b.difference_standard_error) == (0.0, 0.0)
    assert "-inf" in str(found)


def test_without_a_finite_value_there_is_no_best():
    found = comparison(a=evidence([-np.inf] * 4), b=evidence([0, -np.inf, 0, 0]))
    assert found.best is None
    assert np.isnan([model.difference for model in found]).all()
    assert "best" not in str(found).splitlines()[1]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_rows_that_are_no_log_densities_leave_the_model_blank(bad: float):
    found = comparison(a=evidence([1, 2, bad, bad], measure=BITS), b=evidence([0, 0, 0, 0]))
    a, _ = found
    assert a.reason == "log p(x) is NaN or infinite in 2 of 4 rows, first in row 2."
    assert math.isnan(a.value)
    assert (found.best, found.base_measure) == ("b", REALS)  # the blank one does not choose the unit


def test_what_cannot_be_trusted_is_noted():
    found = comparison(
        ["First."], a=evidence([1, 2, 3, 4], error=0.1, k=0.8), b=evidence([1, 2, 3, 4], error=0.1, k=0.6)
    )
    assert found.notes[0] == "First."
    assert len(found.notes) == 2
    assert found.notes[1].startswith(
        "a: log p(x) cannot be trusted for 100% of the rows (Pareto k-hat above 0.7 with 500"
    )


def table():
    return compare_evidence(
        [
            Candidate("PPCA(2)", evidence([-101, -103, -104, -100]), 120, 0.0321),
            Candidate("MixtureOfFactorAnalyzers(10, latent_dim=5)", evidence([-100, -102, -104, -99]), 54321, 2.34),
            Candidate("VAE(2) <deep>", evidence([-98.5, -101.25, -103, -97.75], error=0.0123), 1234567, 163.2),
            Candidate("Autoencoder(2)", "nothing has a density.", 99, math.nan),
        ],
        n_rows=4,
        notes=["Left out for all models alike: " + "1 column (3), " * 10],
    )


def test_the_table_reads_well_at_100_columns():
    assert str(table()).splitlines() == [
        "model                                          log p(x)  new rows    minus best  parameters      fit",
        "PPCA(2)                                -102.000   exact    ± 0.91  -1.88 ± 0.33         120  0.032 s",
        "MixtureOfFactorAnalyzers(10,           -101.250   exact    ± 1.11  -1.12 ± 0.16       54321    2.3 s",
        "  latent_dim=5)",
        "VAE(2) <deep>                          -100.125 ± 0.012    ± 1.22          best     1234567    163 s",
        "Autoencoder(2)                                    blank                                  99",
        "",
        "log p(x): nats per row, mean over 4 rows, ± its Monte Carlo error; Lebesgue measure.",
        "new rows: the standard error of that mean for other rows from the same source.",
        "minus best: mean difference to the best model, paired by row, ± its standard error.",
        "Autoencoder(2) is left blank: nothing has a density.",
        "Left out for all models alike: 1 column (3), 1 column (3), 1 column (3), 1 column (3), 1 column (3),",
        "  1 column (3), 1 column (3), 1 column (3), 1 column (3), 1 column (3),",
    ]


def test_html_escapes_names_and_says_the_same():
    html = table()._repr_html_()
    assert "VAE(2) &lt;deep&gt;" in html
    assert "<deep>" not in html
    for word in str(table()).split("\n\n")[0].replace("<", "&lt;").replace(">", "&gt;").split():
        assert word in html


def test_frame_has_the_full_numbers():
    frame = table().to_frame()
    assert list(frame.index) == [model.name for model in table()]
    assert list(frame.columns) == [field.name for field in dataclasses.fields(table().models[0])][1:]
    assert frame.loc["PPCA(2)", "value"] == -102.0
    assert frame.loc["PPCA(2)", "difference"] == table().models[0].difference
    assert math.isnan(frame.loc["Autoencoder(2)", "value"])
    assert frame.loc["Autoencoder(2)", "reason"] == "nothing has a density."
    assert frame["n_parameters"].dtype == int


def test_it_iterates_over_its_models():
    found = table()
    assert len(found) == 4
    assert tuple(found) == found.models


def test_without_any_value_only_reasons_are_said():
    text = str(comparison(a="no density.", b="no density either."))
    assert "a is left blank: no density." in text
    assert "b is left blank: no density either." in text
    assert "nats" not in text


def test_a_winner_with_a_note_is_marked_and_explained_below_the_table():
    found = compare_evidence(
        [
            Candidate("a", evidence([0, 0, 0, 0]), 1, 0.5),
            Candidate("b", evidence([1, 1, 1, 1]), 1, 0.5, notes=("The noise rests on its floor.",)),
        ],
        n_rows=4,
    )
    assert [model.notes for model in found] == [(), ("The noise rests on its floor.",)]
    lines = str(found).splitlines()
    assert lines[1].split()[:2] == ["a", "0.0"]
    assert lines[2].split()[:2] == ["b", "[!]"]
    assert lines[2].split()[-4] == "best"
    assert lines[-1] == "b [!]: The noise rests on its floor."
    assert "b [!]: The noise rests on its floor." in found._repr_html_()
    assert found.to_frame().loc["b", "notes"] == ("The noise rests on its floor.",)
