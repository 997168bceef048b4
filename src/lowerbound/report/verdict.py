"""The verdict: one number, what it is worth, and the sentences that a reader must not miss."""

import math

import numpy as np

from lowerbound.report.contents import Level, Sentence, Verdict
from lowerbound.report.measure import UNTRUSTED_K, trusted
from lowerbound.report.numbers import counted, decimals_of, number, share, with_error
from lowerbound.report.subject import Subject

_TOLD = 2.0  # standard errors from which on a difference counts
_SMALL = 0.1  # share of a difference that is not worth a word
_MASSES = ("discrete", "dynamic", "threshold", "dequantize")  # dequantized: at most the log mass of the integer level


def verdict(subject: Subject) -> Verdict:
    """The answer to "is it good?" in one number and a few sentences."""
    if not subject.has_density:
        return _without_density(subject)
    found = subject.measured
    details = [f"mean over {counted(found['n_rows'], 'row')}"]
    if subject.has_holes:
        details.append(f"of their observed cells, {share(subject.missing)} being missing")
    if math.isfinite(found["sampling_error"]):
        error = number(found["sampling_error"], decimals=decimals_of(found["sampling_error"]))
        details.append(f"± {error} for other rows from the same source")
    if (bits := bits_per_dimension(subject)) is not None:
        details.append(f"{number(bits, decimals=3)} bits per dimension")
    return Verdict(
        name="log p(x)",
        value=evidence_in_words(subject),
        unit="nats per row",
        details=tuple(details),
        sentences=(_trust(subject), *_against_baseline(subject), how_it_ended(subject), *health_advice(subject)),
    )


def evidence_in_words(subject: Subject) -> str:
    """log p(x) with the standard error of its estimate; alone where it is exact."""
    found = subject.measured
    if found["exact"]:
        return number(found["log_evidence"], decimals=decimals_of(found["sampling_error"]))
    return with_error(found["log_evidence"], found["standard_error"])


def bits_per_dimension(subject: Subject) -> float | None:
    """Bits of code per cell, -log2 p(x) over cells; None for densities on reals, where bits mean nothing, and for losses."""
    if not subject.has_density or subject.estimator.preprocessing_.treatment not in _MASSES:
        return None
    cells = subject.estimator.n_features_in_ * (1 - subject.missing)
    return -subject.measured["log_evidence"] / (cells * math.log(2)) if cells else None


def how_it_ended(subject: Subject) -> Sentence:
    """How the fit ended, with its remedy, and what was found besides."""
    status = subject.estimator.status_
    words = " ".join(status.message.split())
    return Sentence(f"The fit ended: {words}", "good" if status.ok and not status.notes else "caution")


def health_advice(subject: Subject) -> tuple[Sentence, ...]:
    """What the health check advises, or that all is well; nothing where there is no such check."""
    found = subject.measured
    if not found["advice"]:
        return ()
    level: Level = "advice"
    if found["healthy"]:
        level = "good"
    elif found["active_units"] == 0 or found["cells_at_floor"] > 0:
        level = "caution"
    return tuple(Sentence(text, level) for text in found["advice"])


def _trust(subject: Subject) -> Sentence:
    found, trust = subject.measured, trusted(subject.measured)
    if subject.estimator.preprocessing_.treatment == "grey":
        return Sentence(
            "This is a loss, not a likelihood: grey values are scored as probabilities. Compare it with nothing but itself.",
            "caution",
        )
    if not math.isfinite(found["log_evidence"]):
        return Sentence(
            "Some rows have no density at all under the model, and the mean is infinite: section Outliers shows the oddest rows.",
            "caution",
        )
    if found["exact"]:
        return Sentence("This is exact: log p(x) has a closed form here, and nothing was sampled.", "good")
    if trust is None:
        return Sentence(
            f"{found['n_samples']} draws per row are too few to say whether this can be trusted: take 100 or more.",
            "caution",
        )
    above = share(found["pareto_k_share_above_0.7"])
    if trust:
        return Sentence(
            f"The estimate can be trusted: its importance weights are tame (k-hat above {UNTRUSTED_K} for {above} of the rows).",
            "good",
        )
    return Sentence(
        f"Read log p(x) as a lower bound: k-hat is above {UNTRUSTED_K} for {above} of the rows, so the estimate is low on "
        "average and its error is larger than stated. More draws raise it.",
        "caution",
    )


def _against_baseline(subject: Subject) -> tuple[Sentence, ...]:
    """Whether the model is better than independent columns, worse, or neither by more than chance.

    Both are held against the same rows: what chance does is the standard error of their mean difference. A model is called worse
    only where it is so against a baseline without the advantage of having been fitted to these rows.
    """
    baseline, evidence = subject.baseline, subject.evidence
    if baseline is None or evidence is None or not math.isfinite(evidence.value):
        return ()
    difference = evidence.per_row - baseline.per_row
    n, what = len(difference), f"{subject.cell}s taken one by one"
    gain, error = float(difference.mean()), float(difference.std(ddof=1) / math.sqrt(n))
    known = f"({number(baseline.value, decimals=2)} nats per row, fitted to these very rows)"
    fitted = ""
    if baseline.optimism > _SMALL * abs(gain):
        fitted = (
            f" With {counted(subject.estimator.n_features_in_, subject.cell)} fitted to {counted(n, 'row')}, that number is "
            f"too high by about {number(baseline.optimism, digits=2)} nats."
        )
    if gain > _TOLD * error:
        return (
            Sentence(
                f"It is {with_error(gain, error)} nats per row better than {what} {known}: that much is learned about how they "
                f"go together.{fitted}",
                "good",
            ),
        )
    if gain + baseline.optimism < -_TOLD * error:
        return (
            Sentence(
                f"It is no better than {what} {known}, but {with_error(-gain, error)} nats worse: nothing is learned about how "
                f"they go together, or it does not hold on these rows. {_remedy(subject)}, or look for differences between these "
                f"rows and those of the fit.{fitted}",
                "caution",
            ),
        )
    return (
        Sentence(
            f"It cannot be told apart from {what} {known}: it differs by {with_error(gain, error)} nats per row.{fitted} More "
            "rows would tell.",
        ),
    )


def _remedy(subject: Subject) -> str:
    """What may help a model that is worse than independent columns."""
    if not subject.measured["exact"]:
        return "Train longer"
    if np.ndim(getattr(subject.estimator, "noise_variance_", np.zeros(1))) == 0:
        return f"One noise variance for all {subject.cell}s may cost that: try FactorAnalysis, which has one for each"
    return "Take a smaller model, give it more rows"


def _without_density(subject: Subject) -> Verdict:
    found = subject.measured
    error, unit = found["root_mean_square_error"], found["root_mean_square_error_unit"]
    name = type(subject.estimator).__name__
    sentences = [
        Sentence(
            f"{name} has no density, so there is no log p(x), ELBO, k-hat or health check, and nothing can be sampled: "
            "PPCA and a VAE have them."
        ),
        how_it_ended(subject),
    ]
    if (kept := subject.variance_kept) is not None:
        what = f"{subject.cell}s"
        sentences.insert(
            0,
            Sentence(f"Of the variance of the {what} over these rows, {share(kept)} is reconstructed.")
            if kept > 0
            else Sentence(
                f"Guessing the mean of each of the {what} would do as well: nothing is reconstructed.", "caution"
            ),
        )
    return Verdict(
        name="reconstruction error",
        value=number(error),
        unit=unit,
        details=(f"root mean square over {counted(found['n_rows'], 'row')}",),
        sentences=tuple(sentences),
    )
