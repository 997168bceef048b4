"""The likelihood section: every number that says how good the model is, each with a sentence on how to read it."""

import math

from lowerbound.report.contents import Fact, Section
from lowerbound.report.measure import UNTRUSTED_K, columns_have_units
from lowerbound.report.numbers import decimals_of, number, share
from lowerbound.report.subject import Subject
from lowerbound.report.verdict import bits_per_dimension, evidence_in_words

_KINDS = {
    "real": "density",
    "dequantize": "density",
    "grey": "loss",
}  # by the treatment of cells; all others have a mass


def likelihood_section(subject: Subject) -> Section:
    """Log p(x) with its errors, the bound, the weights behind them, and the reconstruction."""
    if subject.has_density:
        return Section(
            anchor="likelihood",
            title="Likelihood",
            paragraphs=(
                "Means over the rows of this report. They judge the model only if these rows were not part of the fit."
                + _holes(subject),
            ),
            facts=(*_evidence(subject), *_bound(subject), *_weights(subject), *_reconstruction(subject)),
        )
    return Section(
        anchor="likelihood",
        title="Reconstruction error",
        paragraphs=(
            f"A likelihood is missing: {type(subject.estimator).__name__} has no density, since its encoder is deterministic "
            "and its codes have no prior. What remains is how well rows come back from their codes.",
        ),
        facts=_reconstruction(subject),
    )


def _holes(subject: Subject) -> str:
    if not subject.has_holes:
        return ""
    return (
        f" Of the cells, {share(subject.missing)} are missing: each row counts by the log p of those that were observed, exactly "
        "the marginal, and errors are over observed cells."
    )


def _evidence(subject: Subject) -> list[Fact]:
    found = subject.measured
    draws = "exactly" if found["exact"] else f"by {found['n_samples']} draws per row"
    error = "" if found["exact"] else " The ± is the standard error of the estimate for these very rows."
    sampling, decimals = found["sampling_error"], decimals_of(found["sampling_error"])
    facts = [
        Fact(
            "log p(x)",
            f"{evidence_in_words(subject)} nats",
            f"How probable the model finds these rows, computed {draws}. Higher is better; compare it only for the same rows and "
            f"the same base measure.{error}",
        ),
        Fact(
            "for other rows",
            f"± {number(sampling, decimals=decimals)} nats",
            "The standard error of the mean as an estimate for other rows from the same source. Two models are best held "
            "against the same rows: there the mean difference of their score_samples counts, beyond twice its own standard "
            "error. Against different rows, with errors s1 and s2, only a difference beyond 2 √(s1² + s2²) counts.",
        ),
    ]
    if (baseline := subject.baseline) is not None:
        what = subject.cell
        facts.append(
            Fact(
                f"each {what} for itself",
                f"{number(baseline.value, decimals=2)} nats",
                f"log p(x) of the best model that treats every {what} on its own, fitted to these very rows, which makes it too "
                f"high by about {number(baseline.optimism, digits=2)} nats. The fitted model should be above it: the difference "
                f"is what it knows of how {what}s go together.",
            )
        )
    if (bits := bits_per_dimension(subject)) is not None:
        facts.append(
            Fact(
                "bits per dimension",
                f"{number(bits, decimals=3)} bits",
                "log p(x) as a code length: bits that each cell of a row would cost. Lower is better; papers on images report "
                "this number.",
            )
        )
    kind = _KINDS.get(subject.estimator.preprocessing_.treatment, "mass")
    measured_by = found["base_measure"][:1].upper() + found["base_measure"][1:]
    facts.append(
        Fact("base measure", kind, f"{measured_by}. Values of log p(x) with another base measure are not comparable.")
    )
    return facts


def _bound(subject: Subject) -> list[Fact]:
    found = subject.measured
    bound = [
        Fact(
            "ELBO",
            f"{number(found['elbo'], decimals=2)} nats",
            "The lower bound on log p(x), with weight 1 on the KL whatever the training used.",
        ),
        Fact(
            "gap",
            f"{number(found['log_evidence'] - found['elbo'], decimals=2)} nats",
            "log p(x) minus ELBO: what is lost because q(z given x) is not the true posterior. A few nats are common; "
            'posterior_covariance="full" or more training narrows a wide one.',
        ),
    ]
    if found["exact"]:
        bound = []  # the posterior is exact: the bound is log p(x), and the gap 0
    bound.append(
        Fact(
            "KL",
            f"{number(found['kl'], decimals=2)} nats",
            "What the code of a row says about it, beyond the prior. Near 0, the latent space is not used.",
        )
    )
    if "active_units" not in found:
        return bound
    return [
        *bound,
        Fact(
            "active latents",
            f"{found['active_units']} of {found['latent_dim']}",
            "Dimensions whose posterior mean varies from row to row. The others could be left out; if all are active and "
            "busy, more may help.",
        ),
    ]


def _weights(subject: Subject) -> list[Fact]:
    found = subject.measured
    if found["exact"]:
        return []
    return [
        Fact(
            "effective samples",
            f"{number(found['effective_sample_size_median'], digits=3)} of {found['n_samples']}",
            f"Of the draws behind log p(x), the number that count: median over rows "
            f"({number(found['effective_sample_size_smallest'], digits=2)} for the worst row). Ten or more are comfortable.",
        ),
        Fact(
            f"k-hat above {UNTRUSTED_K}",
            f"{share(found['pareto_k_share_above_0.7'])} of rows",
            "Rows whose importance weights have too heavy a tail to be trusted. Up to one in ten is tolerable; beyond, "
            "log p(x) is a lower bound and its error is too small.",
        ),
    ]


def _reconstruction(subject: Subject) -> tuple[Fact, ...]:
    found = subject.measured
    error, unit = found["root_mean_square_error"], found["root_mean_square_error_unit"]
    facts = []
    if subject.has_density:
        facts.append(
            Fact(
                "log p(x given z)",
                f"{number(found['log_likelihood_at_code'], decimals=2)} nats",
                "How probable a row is given its own code: reconstruction alone, without the price of the code.",
            )
        )
    reading = f"Root mean square of row minus reconstruction, in {unit}."
    if math.isnan(error):
        reading = f"Not defined here: {unit}."
    elif columns_have_units(subject.estimator):
        reading += " 1 is what guessing each column's mean would give; 0 is perfect."
    elif (kept := subject.variance_kept) is not None:
        reading += (
            f" Of the variance over these rows, {share(max(kept, 0.0))} comes back; guessing the mean row keeps none."
        )
    return (*facts, Fact("reconstruction error", number(error), reading))
