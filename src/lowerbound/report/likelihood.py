"""The likelihood section: every number that says how good the model is, each with a sentence on how to read it."""

import math

from lowerbound.evaluate.trust import LARGEST_TRUSTED_K
from lowerbound.evaluate.words import decimals_of, number, share
from lowerbound.findings.density import Density
from lowerbound.findings.record import Findings
from lowerbound.report.contents import Fact, Section
from lowerbound.report.context import ReportContext
from lowerbound.report.verdict import evidence_in_words


def likelihood_section(context: ReportContext) -> Section:
    """Log p(x) with its errors, the bound, the weights behind them, and the reconstruction."""
    found = context.findings
    if found.density is None:
        return Section(
            anchor="likelihood",
            title="Reconstruction error",
            paragraphs=(f"{found.no_density} What remains is how well rows come back from their codes.",),
            facts=_reconstruction(found),
        )
    return Section(
        anchor="likelihood",
        title="Likelihood",
        paragraphs=(
            "Means over the rows of this report. They judge the model only if these rows were not part of the fit."
            + _holes(found, found.density),
        ),
        facts=(
            *_evidence(found, found.density),
            *_bound(found, found.density),
            *_weights(found.density),
            *_reconstruction(found),
        ),
    )


def _holes(found: Findings, density: Density) -> str:
    if not found.share_of_missing_cells:
        return ""
    kind = "exactly the marginal" if density.exact else "their marginal"
    return (
        f" Of the cells, {share(found.share_of_missing_cells)} are missing: each row counts by the log p of those that were "
        f"observed, {kind}, and errors are over observed cells."
    )


def _evidence(found: Findings, density: Density) -> list[Fact]:
    draws = "exactly" if density.exact else f"by {density.n_samples} draws per row"
    error = "" if density.exact else " The ± is the standard error of the estimate for these very rows."
    sampling, decimals = density.sampling_error, decimals_of(density.sampling_error)
    facts = [
        Fact(
            "log p(x)",
            f"{evidence_in_words(density)} nats",
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
    if (baseline := found.baseline) is not None:
        what = found.cell
        facts.append(
            Fact(
                f"each {what} for itself",
                f"{number(baseline.value, decimals=2)} nats",
                f"log p(x) of the best model that treats every {what} on its own, fitted to these very rows, which makes it too "
                f"high by about {number(baseline.optimism, digits=2)} nats. The fitted model should be above it: the difference "
                f"is what it knows of how {what}s go together.",
            )
        )
    if density.bits_per_dimension is not None:
        facts.append(
            Fact(
                "bits per dimension",
                f"{number(density.bits_per_dimension, decimals=3)} bits",
                "log p(x) as a code length: bits that each cell of a row would cost. Lower is better; papers on images report "
                "this number.",
            )
        )
    measured_by = density.base_measure[:1].upper() + density.base_measure[1:]
    facts.append(
        Fact(
            "base measure",
            density.base_measure_kind,
            f"{measured_by}. Values of log p(x) with another base measure are not comparable.",
        )
    )
    return facts


def _bound(found: Findings, density: Density) -> list[Fact]:
    facts = []
    if not density.exact:  # of an exact posterior the bound is log p(x), and the gap 0
        facts += [
            Fact(
                "ELBO",
                f"{number(density.elbo, decimals=2)} nats",
                "The lower bound on log p(x), with weight 1 on the KL whatever the training used.",
            ),
            Fact(
                "gap",
                f"{number(density.log_evidence - density.elbo, decimals=2)} nats",
                "log p(x) minus ELBO: what is lost because q(z given x) is not the true posterior. A few nats are common; "
                'posterior_covariance="full" or more training narrows a wide one.',
            ),
        ]
    if not math.isnan(density.kl):
        facts.append(
            Fact(
                "KL",
                f"{number(density.kl, decimals=2)} nats",
                "What the code of a row says about it, beyond the prior. Near 0, the latent space is not used.",
            )
        )
    if found.health is not None:
        facts.append(
            Fact(
                "active latents",
                f"{found.health.active_units} of {found.latent_dim}",
                "Dimensions whose posterior mean varies from row to row. The others could be left out; if all are active and "
                "busy, more may help.",
            )
        )
    return facts


def _weights(density: Density) -> list[Fact]:
    if density.exact:
        return []
    return [
        Fact(
            "effective samples",
            f"{number(density.effective_sample_size_median, digits=3)} of {density.n_samples}",
            f"Draws behind log p(x) that count: median over rows "
            f"({number(density.effective_sample_size_smallest, digits=2)} for the worst row). Ten or more are comfortable.",
        ),
        Fact(
            f"k-hat above {LARGEST_TRUSTED_K}",
            f"{share(density.share_of_untrusted_rows)} of rows",
            "Rows whose importance weights have too heavy a tail to be trusted. Up to one in ten is tolerable; beyond, "
            "log p(x) is a lower bound and its error is too small.",
        ),
    ]


def _reconstruction(found: Findings) -> tuple[Fact, ...]:
    record, facts = found.reconstruction, []
    if found.density is not None and not math.isnan(record.log_likelihood_at_code):
        facts.append(
            Fact(
                "log p(x given z)",
                f"{number(record.log_likelihood_at_code, decimals=2)} nats",
                "How probable a row is given its own code: reconstruction alone, without the price of the code.",
            )
        )
    error, kept = record.root_mean_square_error, record.variance_kept
    reading = f"Root mean square of row minus reconstruction, in {record.root_mean_square_error_unit}."
    if math.isnan(error):
        reading = f"Not defined here: {record.root_mean_square_error_unit}."
    elif record.in_deviations:
        reading += " 1 is what guessing each column's mean would give; 0 is perfect."
    elif not math.isnan(kept):
        reading += (
            f" Of the variance over these rows, {share(max(kept, 0.0))} comes back; guessing the mean row keeps none."
        )
    return (*facts, Fact("reconstruction error", number(error), reading))
