r"""Imputation by self-normalized importance sampling, for models whose p(x given z) factorizes over cells.

K draws z_k ~ q(z given x_observed) with weights

    w_k  proportional to  p(x_observed, z_k) / q(z_k given x_observed)                                           (1)

stand for the exact posterior, so that p(x_j given x_observed) is the mixture \sum_k w_k p(x_j given z_k). Joint draws take one z
by its weight, and every missing cell given that z. Category codes have no mean and no interval: there the mean is the most
probable code, and the rest NaN.

How far (1) can be trusted is said by its effective sample size and k-hat, as of log p(x) (``evaluate.evidence``); and as there,
the decoder is run for a bounded number of draws at a time. Its outputs are kept for all of them.

Reference: P.-A. Mattei, J. Frellsen, "MIWAE: deep generative modelling and imputation of incomplete data sets", ICML 2019
(equations 13 and 14).
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from lowerbound.data.datum import Datum
from lowerbound.evaluate.importance_sampling import over_draws
from lowerbound.likelihoods.likelihood import AbstractLikelihood
from lowerbound.models.model import AbstractImputingModel

_DIGITS = 1e-5  # of a standard deviation, to which quantiles are sought
_MOST_BISECTIONS = 40  # in single precision no more digits are to be had
_COMPONENTS = 200  # of the mixture whose quantiles are sought


class WeightedOutputs(NamedTuple):
    """Draws of z as the likelihood's outputs, with the logarithms of their weights (1)."""

    log_weight: Float[Array, " samples"]
    outputs: Float[Array, "samples outputs *event"]


class WeightedDraws(eqx.Module):
    """Row function: ``n_samples`` draws with their weights, at most ``at_once`` decoded together."""

    n_samples: int = eqx.field(static=True)
    at_once: int = eqx.field(static=True)

    def __call__(self, model: AbstractImputingModel, datum: Datum, *, key: PRNGKeyArray) -> WeightedOutputs:
        """The draws for one datum."""

        def one(key: PRNGKeyArray) -> tuple[Float[Array, ""], Float[Array, "outputs *event"]]:
            draw = model.draw(datum, key=key)
            return draw.log_weight, model.outputs(draw.z, datum.condition)

        return WeightedOutputs(*over_draws(one, jax.random.split(key, self.n_samples), self.at_once))


class PredictedCells(NamedTuple):
    """Mean, variance and ends of the interval of each cell of a datum; None where no interval was asked for."""

    mean: Float[Array, "*event"]
    variance: Float[Array, "*event"]
    interval: tuple[Float[Array, "*event"], Float[Array, "*event"]] | None


class SampledPredictive(eqx.Module):
    """Row function: the cells under ``n_samples`` draws, with the interval of probability ``coverage``; and the log weights.

    ``coverage`` is an array, 0 for no interval: one compiled program serves every coverage, and the moments are the same with
    and without one.
    """

    coverage: Float[Array, ""] | None  # None where only the memory is asked for: as little as without an interval
    n_samples: int = eqx.field(static=True)
    at_once: int = eqx.field(static=True)

    def __call__(
        self, model: AbstractImputingModel, datum: Datum, *, key: PRNGKeyArray
    ) -> tuple[PredictedCells, Float[Array, " samples"]]:
        """Cells and log weights of one datum."""
        likelihood, coverage = model.likelihood, self.coverage
        log_weight, outputs = WeightedDraws(self.n_samples, self.at_once)(model, datum, key=key)
        weight = jax.nn.softmax(log_weight)
        means, variances = jax.vmap(likelihood.mean)(outputs), jax.vmap(likelihood.variance)(outputs)
        mean = likelihood.mean_of_mixture(outputs, weight)
        variance = jnp.tensordot(weight, variances + (means - mean) ** 2, axes=1)
        if coverage is None:
            return PredictedCells(mean, variance, None), log_weight

        def ends() -> tuple[Float[Array, "*event"], Float[Array, "*event"]]:
            # The distribution function of counts is dear. That of the others is cheaper than a sort of the draws.
            mixture = _thinned(likelihood, outputs, weight) if likelihood.support == "counts" else (outputs, weight)
            low, high = (_mixture_quantile(likelihood, *mixture, 0.5 * (1 + side * coverage)) for side in (-1, 1))
            return low, high

        interval = jax.lax.cond(coverage > 0, ends, lambda: (jnp.full_like(mean, jnp.nan),) * 2)
        return PredictedCells(mean, variance, interval), log_weight


def _thinned(
    likelihood: AbstractLikelihood,
    outputs: Float[Array, "samples outputs *event"],
    weight: Float[Array, " samples"],
) -> tuple[Float[Array, "components outputs *event"], Float[Array, " components"]]:
    """Few components of equal weight for each cell: an even comb over its draws, which are sorted by their mean.

    A comb over unsorted draws is a random sample of them, whose quantiles err by 0.15 standard deviations.
    """
    order = jnp.argsort(jax.vmap(likelihood.mean)(outputs), axis=0)
    cumulative = jnp.cumsum(weight[order], axis=0)
    comb = (jnp.arange(_COMPONENTS, dtype=weight.dtype) + 0.5) / _COMPONENTS

    def at_comb(cumulative: Float[Array, " samples"], order: Int[Array, " samples"]) -> Int[Array, " components"]:
        return order[jnp.minimum(jnp.searchsorted(cumulative, comb), len(order) - 1)]

    for _ in order.shape[1:]:
        at_comb = jax.vmap(at_comb, in_axes=-1, out_axes=-1)
    chosen = jnp.take_along_axis(outputs, at_comb(cumulative, order)[:, None], axis=0)
    return chosen, jnp.full(_COMPONENTS, 1 / _COMPONENTS, weight.dtype)


def _mixture_quantile(
    likelihood: AbstractLikelihood,
    outputs: Float[Array, "components outputs *event"],
    weight: Float[Array, " components"],
    probability: float | Float[Array, ""],
) -> Float[Array, "*event"]:
    """Quantile of a mixture at ``probability``, by bisection of its distribution function; NaN for codes.

    It lies between mean - sd sqrt((1 - p) / p) and mean + sd sqrt(p / (1 - p)) of the mixture (Cantelli's inequality).
    """
    means, variances = jax.vmap(likelihood.mean)(outputs), jax.vmap(likelihood.variance)(outputs)
    if likelihood.support == "codes":
        return jnp.full(means.shape[1:], jnp.nan)
    real = likelihood.support == "reals"
    mean = jnp.tensordot(weight, means, axes=1)
    deviation = jnp.sqrt(jnp.tensordot(weight, variances + (means - mean) ** 2, axes=1))
    odds = jnp.asarray((1 - probability) / probability, mean.dtype)
    low, high = mean - deviation * jnp.sqrt(odds), mean + deviation / jnp.sqrt(odds)
    slack = _DIGITS * deviation
    if not real:  # the smallest whole number whose distribution function reaches the probability
        low, high, slack = jnp.floor(low) - 1, jnp.ceil(high), jnp.ones_like(mean)

    def wide(around: tuple[Array, Array, Array]) -> Bool[Array, ""]:
        low, high, round_ = around
        return jnp.any(high - low > slack) & (round_ < _MOST_BISECTIONS)

    def halve(around: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        low, high, round_ = around
        middle = 0.5 * (low + high)
        middle = middle if real else jnp.floor(middle)
        below = jnp.tensordot(weight, jax.vmap(lambda out: likelihood.cdf(out, middle))(outputs), axes=1) < probability
        return jnp.where(below, middle, low), jnp.where(below, high, middle), round_ + 1

    low, high, _ = jax.lax.while_loop(wide, halve, (low, high, jnp.asarray(0)))
    return 0.5 * (low + high) if real else high


class LatentDraws(eqx.Module):
    """Row function: ``n_samples`` draws of z and their log weights, at most ``at_once`` decoded together."""

    n_samples: int = eqx.field(static=True)
    at_once: int = eqx.field(static=True)

    def __call__(
        self, model: AbstractImputingModel, datum: Datum, *, key: PRNGKeyArray
    ) -> tuple[Float[Array, "samples latent"], Float[Array, " samples"]]:
        """The draws for one datum."""

        def one(key: PRNGKeyArray) -> tuple[Float[Array, " latent"], Float[Array, ""]]:
            draw = model.draw(datum, key=key)
            return draw.z, draw.log_weight

        z, log_weight = over_draws(one, jax.random.split(key, self.n_samples), self.at_once)
        return z, log_weight


class SampledCompletions(eqx.Module):
    """Row function: ``n_draws`` rows whose missing cells were drawn given the observed ones: importance resampling.

    The ``n_samples`` log weights are given, too; ``at_once`` draws are decoded together.
    """

    n_draws: int = eqx.field(static=True)
    n_samples: int = eqx.field(static=True)
    at_once: int = eqx.field(static=True)

    def __call__(
        self, model: AbstractImputingModel, datum: Datum, *, key: PRNGKeyArray
    ) -> tuple[Float[Array, "draws *event"], Float[Array, " samples"]]:
        """The draws for one datum, and the log weights."""
        proposal_key, choice_key, cell_key = jax.random.split(key, 3)
        z, log_weight = LatentDraws(self.n_samples, self.at_once)(model, datum, key=proposal_key)
        cumulative = jnp.cumsum(jax.nn.softmax(log_weight))
        chosen = jnp.searchsorted(cumulative, jax.random.uniform(choice_key, (self.n_draws,)))
        # The rounded weights may add up to less than the largest of the uniform numbers.
        chosen = jnp.minimum(chosen, self.n_samples - 1)

        def one(given: tuple[Float[Array, " latent"], PRNGKeyArray]) -> Float[Array, "*event"]:
            z, key = given
            drawn = model.likelihood.sample(model.outputs(z, datum.condition), key=key)
            return datum.values if datum.observed is None else jnp.where(datum.observed, datum.values, drawn)

        return over_draws(one, (z[chosen], jax.random.split(cell_key, self.n_draws)), self.at_once), log_weight
