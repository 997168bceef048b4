"""Each branch of the verdict, by its condition: trust, the comparison with independent columns, the end of the fit."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lowerbound.fit.result import Status
from lowerbound.report.baseline import Baseline
from lowerbound.report.subject import Subject
from lowerbound.report.verdict import bits_per_dimension, health_advice, how_it_ended, verdict

N = 100
DONE = Status("max_epochs", "ran all 5 epochs.")


def about(
    *, gain: float = 1.0, n_parameters: int = 2, treatment: str = "real", status: Status = DONE, **measured: Any
) -> Subject:
    """A subject whose rows are better than the baseline by ``gain``, with a standard error of 0.1 for the difference."""
    noise = np.random.default_rng(0).normal(size=N)
    per_row = -10.0 + gain + (noise - noise.mean()) / noise.std(ddof=1)
    estimator = SimpleNamespace(
        log_evidence=None,
        preprocessing_=SimpleNamespace(treatment=treatment),
        status_=status,
        n_features_in_=4,
        input_shape_=(4,),
    )
    subject = Subject(
        given=estimator,
        estimator=estimator,
        rows=np.zeros((N, 4)),
        numbers=np.arange(N),
        n_given=N,
        labels=None,
        labels_mark_outliers=False,
        n_samples=100,
        method="kl",
        threshold=None,
        to_images=None,
    )
    found = {
        "n_rows": N,
        "log_evidence": float(per_row.mean()),
        "standard_error": 0.01,
        "sampling_error": 0.1,
        "n_samples": 100,
        "exact": False,
        "pareto_k_share_above_0.7": 0.0,
        "healthy": True,
        "active_units": 1,
        "cells_at_floor": 0.0,
        "advice": ["All is well."],
    }
    subject.__dict__["measured"] = found | measured
    subject.__dict__["evidence"] = SimpleNamespace(per_row=per_row, value=found["log_evidence"])
    subject.__dict__["baseline"] = Baseline(np.full(N, -10.0), n_parameters)
    return subject


@pytest.mark.parametrize(
    ("gain", "n_parameters", "level", "words"),
    [
        (0.3, 2, "good", "It is 0.30 ± 0.10 nats per row better than columns taken one by one (−10.00 nats per row"),
        (0.15, 2, "note", "It cannot be told apart from columns taken one by one"),
        (-0.15, 2, "note", "it differs by −0.15 ± 0.10 nats per row."),
        (-0.3, 2, "caution", "It is no better than columns taken one by one (−10.00 nats per row, fitted"),
        (-0.3, 2, "caution", "but 0.30 ± 0.10 nats worse"),
        # 40 parameters on 100 rows are worth 0.2 nats: without them, 0.1 below is within chance.
        (-0.3, 40, "note", "With 4 columns fitted to 100 rows, that number is too high by about 0.20 nats."),
        (0.3, 40, "good", "too high by about 0.20 nats"),
    ],
)
def test_against_columns_one_by_one(gain: float, n_parameters: int, level: str, words: str):
    sentence = verdict(about(gain=gain, n_parameters=n_parameters)).sentences[1]
    assert sentence.level == level
    assert words in sentence.text


def test_the_advantage_of_the_baseline_is_told_only_where_it_matters():
    assert "too high" not in verdict(about(gain=1.0, n_parameters=4)).sentences[1].text


def test_there_is_no_comparison_without_a_baseline_or_with_impossible_rows():
    for name, value in (("baseline", None), ("evidence", SimpleNamespace(per_row=None, value=-math.inf))):
        subject = about()
        subject.__dict__[name] = value
        assert not any("one by one" in sentence.text for sentence in verdict(subject).sentences)


@pytest.mark.parametrize(
    ("measured", "level", "words"),
    [
        (
            {},
            "good",
            "The estimate can be trusted: its importance weights are tame (k-hat above 0.7 for 0% of the rows).",
        ),
        ({"exact": True, "pareto_k_share_above_0.7": math.nan}, "good", "This is exact"),
        ({"pareto_k_share_above_0.7": 0.2}, "caution", "Read log p(x) as a lower bound: k-hat is above 0.7 for 20%"),
        ({"pareto_k_share_above_0.7": math.nan}, "caution", "100 draws per row are too few to say"),
        ({"log_evidence": -math.inf}, "caution", "Some rows have no density at all under the model"),
        ({"treatment": "grey"}, "caution", "This is a loss, not a likelihood"),
    ],
)
def test_trust(measured: dict, level: str, words: str):
    sentence = verdict(about(**measured)).sentences[0]
    assert sentence.level == level
    assert sentence.text.startswith(words)


def test_an_exact_number_has_no_error_of_estimation():
    assert verdict(about(gain=1.0, exact=True)).value == "−9.00"
    assert verdict(about(gain=1.0)).value == "−9.000 ± 0.010"


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (DONE, "good"),
        (Status("early_stopping", "no better validation loss. Not for 10 epochs."), "good"),
        (DONE.with_notes(("1 feature (0) is constant.",)), "caution"),
        (Status("interrupted", "stopped by Ctrl-C."), "caution"),
    ],
)
def test_how_the_fit_ended(status: Status, level: str):
    sentence = how_it_ended(about(status=status))
    assert sentence.level == level
    assert "\n" not in sentence.text
    assert all(note in sentence.text for note in status.notes)


@pytest.mark.parametrize(
    ("measured", "level"),
    [
        ({}, "good"),
        ({"healthy": False}, "advice"),
        ({"healthy": False, "active_units": 0}, "caution"),
        ({"healthy": False, "cells_at_floor": 0.1}, "caution"),
    ],
)
def test_health(measured: dict, level: str):
    assert [sentence.level for sentence in health_advice(about(**measured))] == [level]


def test_bits_are_of_masses_only():
    assert bits_per_dimension(about(treatment="real")) is None
    assert bits_per_dimension(about(treatment="grey")) is None
    assert bits_per_dimension(about(gain=1.0, treatment="discrete")) == pytest.approx(9 / (4 * math.log(2)))
