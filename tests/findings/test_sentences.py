"""Each branch of the sentences, by its condition: trust, the comparison with independent columns, the end of the fit."""

import dataclasses
import math
from typing import Any

import pytest

from lowerbound.findings.baseline import Baseline
from lowerbound.findings.columns import Reconstruction
from lowerbound.findings.density import Density
from lowerbound.findings.ending import ending
from lowerbound.findings.record import Findings, LatentHealth
from lowerbound.findings.sentences import health_advice, how_it_ended, sentences
from lowerbound.fit.result import Status

N = 100
DONE = Status("max_epochs", "ran all 5 epochs.")
HEALTH = LatentHealth(1, (1.0,), 0.0, True, True, ("All is well.",), (True,))
DENSITY = Density(
    log_evidence=-9.0,
    standard_error=0.01,
    sampling_error=0.1,
    n_samples=100,
    exact=False,
    base_measure="Lebesgue measure",
    base_measure_kind="density",
    effective_sample_size_median=50.0,
    effective_sample_size_smallest=9.0,
    share_of_untrusted_rows=0.0,
    trusted=True,
    elbo=-9.5,
    kl=1.0,
    bits_per_dimension=None,
    one_noise_for_all=False,
)


def about(
    *,
    gain: float = 1.0,
    optimism: float = 0.01,
    status: Status = DONE,
    health: LatentHealth | None = HEALTH,
    **density: Any,
) -> Findings:
    """Findings on rows that are better than the baseline by ``gain``, with a standard error of 0.1 for the difference."""
    return Findings(
        estimator="VAE",
        latent_dim=1,
        n_parameters=9,
        n_rows=N,
        n_cells=4,
        share_of_missing_cells=0.0,
        cell="column",
        ending=ending(status),
        reconstruction=Reconstruction(0.5, "units of x", False, 0.75, -8.0),
        density=dataclasses.replace(DENSITY, **density),
        no_density="",
        health=health,
        no_health="",
        baseline=Baseline(-10.0, optimism, gain, 0.1),
        columns=(),
        clusters=None,
    )


@pytest.mark.parametrize(
    ("gain", "optimism", "level", "words"),
    [
        (0.3, 0.01, "good", "It is 0.30 ± 0.10 nats per row better than columns taken one by one (−10.00 nats per row"),
        (0.15, 0.01, "note", "It cannot be told apart from columns taken one by one"),
        (-0.15, 0.01, "note", "it differs by −0.15 ± 0.10 nats per row."),
        (-0.3, 0.01, "caution", "It is no better than columns taken one by one (−10.00 nats per row, fitted"),
        (-0.3, 0.01, "caution", "but 0.30 ± 0.10 nats worse"),
        # Without the 0.2 nats that the fit to these rows is worth, 0.1 below is within chance.
        (-0.3, 0.2, "note", "With 4 columns fitted to 100 rows, that number is too high by about 0.20 nats."),
        (0.3, 0.2, "good", "too high by about 0.20 nats"),
    ],
)
def test_against_columns_one_by_one(gain: float, optimism: float, level: str, words: str):
    sentence = sentences(about(gain=gain, optimism=optimism))[1]
    assert sentence.level == level
    assert words in sentence.text


def test_the_advantage_of_the_baseline_is_told_only_where_it_matters():
    assert "too high" not in sentences(about(gain=1.0, optimism=0.02))[1].text


def test_there_is_no_comparison_without_a_baseline_or_with_impossible_rows():
    for baseline in (None, Baseline(-10.0, 0.0, math.nan, math.nan)):
        found = dataclasses.replace(about(), baseline=baseline)
        assert not any("one by one" in sentence.text for sentence in sentences(found))


@pytest.mark.parametrize(
    ("measured", "level", "words"),
    [
        (
            {},
            "good",
            "The estimate can be trusted: its importance weights are tame (k-hat above 0.7 for 0% of the rows).",
        ),
        ({"exact": True, "share_of_untrusted_rows": math.nan}, "good", "This is exact"),
        (
            {"share_of_untrusted_rows": 0.2, "trusted": False},
            "caution",
            "Read log p(x) as a lower bound: k-hat is above 0.7 for 20%",
        ),
        (
            {"share_of_untrusted_rows": math.nan, "trusted": None},
            "caution",
            "100 draws per row are too few to say",
        ),
        ({"log_evidence": -math.inf}, "caution", "Some rows have no density at all under the model"),
        ({"base_measure_kind": "loss"}, "caution", "This is a loss, not a likelihood"),
    ],
)
def test_trust(measured: dict, level: str, words: str):
    sentence = sentences(about(**measured))[0]
    assert sentence.level == level
    assert sentence.text.startswith(words)


@pytest.mark.parametrize(
    ("status", "text", "level"),
    [
        (DONE, "The fit ended as planned: ran all 5 epochs.", "good"),
        (Status("early_stopping", "no better loss."), "The fit ended as planned: no better loss.", "good"),
        (DONE.with_notes(("1 feature (0) is constant.",)), "The fit ended as planned: ran all 5 epochs.", "note"),
        (Status("interrupted", "stopped by Ctrl-C."), "The fit ended early: stopped by Ctrl-C.", "caution"),
    ],
)
def test_an_end_that_was_planned_is_no_caution_but_its_notes_are(status: Status, text: str, level: str):
    ended, *notes = how_it_ended(ending(status))
    assert (ended.text, ended.level) == (text, level)
    assert [(note.text, note.level) for note in notes] == [(note, "caution") for note in status.notes]


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "good"),
        ({"healthy": False}, "advice"),
        ({"healthy": False, "active_units": 0}, "caution"),
        ({"healthy": False, "cells_at_floor": 0.1}, "caution"),
    ],
)
def test_health(changes: dict, level: str):
    found = about(health=dataclasses.replace(HEALTH, **changes))
    assert [sentence.level for sentence in health_advice(found)] == [level]
    assert health_advice(about(health=None)) == ()


def test_a_model_that_is_worse_is_given_a_remedy_that_fits_it():
    for changes, words in (
        ({}, "Train longer"),
        ({"exact": True}, "Take a smaller model, give it more rows"),
        ({"exact": True, "one_noise_for_all": True}, "try factor analysis, which has one for each"),
    ):
        assert words in sentences(about(gain=-1.0, **changes))[1].text


@pytest.mark.parametrize(
    ("kept", "text"),
    [
        (0.75, "Of the variance of the columns over these rows, 75.0% is reconstructed."),
        (-0.1, "Guessing the mean of each of the columns would do as well: nothing is reconstructed."),
        (math.nan, "Why."),
    ],
)
def test_without_a_density_what_comes_back_comes_first(kept: float, text: str):
    found = dataclasses.replace(
        about(), density=None, no_density="Why.", reconstruction=Reconstruction(0.5, "units of x", False, kept, 0.0)
    )
    first, *_ = sentences(found)
    assert first.text in (text, text.replace("75.0%", "75%"))
