"""Sentences: what a reader must not miss about a fitted model, each marked good, caution, advice or note.

The report shows them in its verdict, the command line under its table.
"""

import math
from dataclasses import dataclass
from typing import Literal

from lowerbound.evaluate.trust import ENOUGH_SAMPLES, LARGEST_TRUSTED_K
from lowerbound.evaluate.words import counted, number, share, with_error
from lowerbound.findings.density import Density
from lowerbound.findings.ending import Ending
from lowerbound.findings.record import Findings

Level = Literal["good", "caution", "advice", "note"]

_SMALL = 0.1  # share of a difference that is not worth a word


@dataclass(frozen=True)
class Sentence:
    """A sentence about the model, and how it is marked."""

    text: str
    level: Level = "note"


def sentences(found: Findings) -> tuple[Sentence, ...]:
    """Whether the number can be trusted, what it is worth, how the fit ended, and what the health check advises."""
    if found.density is None:
        return (*_variance_kept(found), Sentence(found.no_density), *how_it_ended(found.ending))
    return (trust(found.density), *_against_baseline(found), *how_it_ended(found.ending), *health_advice(found))


def trust(found: Density) -> Sentence:
    """Whether log p(x) can be taken as it is."""
    if found.base_measure_kind == "loss":
        return Sentence(
            "This is a loss, not a likelihood: grey values are scored as probabilities. Compare it with nothing but itself.",
            "caution",
        )
    if not math.isfinite(found.log_evidence):
        return Sentence(
            "Some rows have no density at all under the model, and the mean is infinite: look at the rows with the largest "
            "outlier scores.",
            "caution",
        )
    if found.exact:
        return Sentence("This is exact: log p(x) has a closed form here, and nothing was sampled.", "good")
    if found.trusted is None:
        return Sentence(
            f"{counted(found.n_samples, 'draw')} per row are too few to say whether this can be trusted: take "
            f"{ENOUGH_SAMPLES} or more.",
            "caution",
        )
    above = share(found.share_of_untrusted_rows)
    if found.trusted:
        return Sentence(
            f"The estimate can be trusted: its importance weights are tame (k-hat above {LARGEST_TRUSTED_K} for {above} of the "
            "rows).",
            "good",
        )
    return Sentence(
        f"Read log p(x) as a lower bound: k-hat is above {LARGEST_TRUSTED_K} for {above} of the rows, so the estimate is low on "
        "average and its error is larger than stated. More draws raise it.",
        "caution",
    )


def how_it_ended(found: Ending) -> tuple[Sentence, ...]:
    """How the fit ended, and a caution for each note."""
    well: Level = "note" if found.notes else "good"
    ended = Sentence(found.sentence, well if found.ok else "caution")
    return (ended, *(Sentence(note, "caution") for note in found.notes))


def health_advice(found: Findings) -> tuple[Sentence, ...]:
    """What the health check advises, or that all is well; () where there is no such check."""
    health = found.health
    if health is None:
        return ()
    level: Level = "advice"
    if health.healthy:
        level = "good"
    elif health.active_units == 0 or health.cells_at_floor > 0:
        level = "caution"
    return tuple(Sentence(text, level) for text in health.advice)


def _against_baseline(found: Findings) -> tuple[Sentence, ...]:
    """Whether the model is better than independent columns, worse, or neither by more than chance."""
    baseline = found.baseline
    if baseline is None or baseline.outcome == "unknown":
        return ()
    gain, error, what = baseline.gain, baseline.gain_standard_error, f"{found.cell}s taken one by one"
    known = f"({number(baseline.value, decimals=2)} nats per row, fitted to these very rows)"
    fitted = ""
    if baseline.optimism > _SMALL * abs(gain):
        fitted = (
            f" With {counted(found.n_cells, found.cell)} fitted to {counted(found.n_rows, 'row')}, that number is too high by "
            f"about {number(baseline.optimism, digits=2)} nats."
        )
    if baseline.outcome == "better":
        text = (
            f"It is {with_error(gain, error)} nats per row better than {what} {known}: that much is learned about how they go "
            f"together.{fitted}"
        )
        return (Sentence(text, "good"),)
    if baseline.outcome == "worse":
        text = (
            f"It is no better than {what} {known}, but {with_error(-gain, error)} nats worse: nothing is learned about how they "
            f"go together, or it does not hold on these rows. {_remedy(found)}, or look for differences between these rows and "
            f"those of the fit.{fitted}"
        )
        return (Sentence(text, "caution"),)
    text = (
        f"It cannot be told apart from {what} {known}: it differs by {with_error(gain, error)} nats per row.{fitted} More rows "
        "would tell."
    )
    return (Sentence(text),)


def _remedy(found: Findings) -> str:
    """What may help a model that is worse than independent columns."""
    assert found.density is not None
    if not found.density.exact:
        return "Train longer"
    if found.density.one_noise_for_all:
        return f"One noise variance for all {found.cell}s may cost that: try factor analysis, which has one for each"
    return "Take a smaller model, give it more rows"


def _variance_kept(found: Findings) -> tuple[Sentence, ...]:
    kept, what = found.reconstruction.variance_kept, f"{found.cell}s"
    if math.isnan(kept):
        return ()
    if kept > 0:
        return (Sentence(f"Of the variance of the {what} over these rows, {share(kept)} is reconstructed."),)
    return (
        Sentence(f"Guessing the mean of each of the {what} would do as well: nothing is reconstructed.", "caution"),
    )
