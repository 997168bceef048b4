"""The verdict: one number, what it is worth, and the sentences that a reader must not miss."""

import math

import numpy as np

from lowerbound.report.baseline import independent_columns
from lowerbound.report.contents import Level, Sentence, Verdict
from lowerbound.report.measure import UNTRUSTED_K, trusted
from lowerbound.report.numbers import counted, decimals_of, number, share, with_error
from lowerbound.report.subject import Subject

_MASSES = ("discrete", "dynamic", "threshold", "dequantize")  # dequantized: at most the log mass of the integer level


def verdict(subject: Subject) -> Verdict:
    """The answer to "is it good?" in one number and a few sentences."""
    if not subject.has_density:
        return _without_density(subject)
    found = subject.measured
    details = [f"mean over {counted(found['n_rows'], 'row')}"]
    if math.isfinite(found["sampling_error"]):
        error = number(found["sampling_error"], decimals=decimals_of(found["sampling_error"]))
        details.append(f"± {error} for other rows from the same source")
    if (bits := bits_per_dimension(subject)) is not None:
        details.append(f"{number(bits, decimals=3)} bits per dimension")
    return Verdict(
        name="log p(x)",
        value=with_error(found["log_evidence"], found["standard_error"]),
        unit="nats per row",
        details=tuple(details),
        sentences=(_trust(subject), *_against_baseline(subject), how_it_ended(subject), *health_advice(subject)),
    )


def bits_per_dimension(subject: Subject) -> float | None:
    """Bits of code per cell, -log2 p(x) over cells; None for densities on reals, where bits mean nothing, and for losses."""
    if not subject.has_density or subject.estimator.preprocessing_.treatment not in _MASSES:
        return None
    return -subject.measured["log_evidence"] / (subject.estimator.n_features_in_ * math.log(2))


def how_it_ended(subject: Subject) -> Sentence:
    """How the fit ended, with its remedy."""
    status = subject.estimator.status_
    clean = status.ok and ". " not in status.message  # a second sentence is a note about something found
    return Sentence(f"The fit ended: {status.message}", "good" if clean else "caution")


def health_advice(subject: Subject) -> tuple[Sentence, ...]:
    """What the health check advises, or that all is well."""
    found = subject.measured
    level: Level = "advice"
    if found["advice"][0].startswith("Every check passed"):
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
    baseline = independent_columns(subject.estimator, subject.rows)
    value = subject.measured["log_evidence"]
    if baseline is None or not math.isfinite(value):
        return ()
    gain = value - baseline
    what = "pixels" if subject.to_images else "columns"
    if gain > 0:
        return (
            Sentence(
                f"It is {number(gain, digits=3)} nats per row better than {what} taken one by one "
                f"({number(baseline, decimals=2)}, fitted to these very rows): that much is learned about how they go together.",
                "good",
            ),
        )
    return (
        Sentence(
            f"It is no better than {what} taken one by one ({number(baseline, decimals=2)} nats per row, fitted to these very "
            "rows): nothing is learned about how they go together, or it does not hold on these rows. Train longer, or look "
            "for differences between these rows and those of the fit.",
            "caution",
        ),
    )


def _without_density(subject: Subject) -> Verdict:
    found = subject.measured
    error, unit = found["root_mean_square_error"], found["root_mean_square_error_unit"]
    name = type(subject.estimator).__name__
    sentences = [
        Sentence(
            f"{name} has no density, so there is no log p(x), ELBO, k-hat or health check, and nothing can be sampled: "
            "a VAE has them."
        ),
        how_it_ended(subject),
    ]
    if (kept := _variance_kept(subject)) is not None:
        what = "pixels" if subject.to_images else "columns"
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


def _variance_kept(subject: Subject) -> float | None:
    """Share of the variance that comes back: mean over columns with units of their own, else of all cells together."""
    if subject.measured["root_mean_square_error_unit"].startswith("standard deviations"):
        return 1 - subject.measured["root_mean_square_error"] ** 2
    spread = float(np.mean(np.var(subject.targets, axis=0)))
    return 1 - subject.measured["root_mean_square_error"] ** 2 / spread if spread > 0 else None
