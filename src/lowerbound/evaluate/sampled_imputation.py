r"""Imputation by self-normalized importance sampling, for models whose p(x given z) factorizes over cells.

K draws z_k ~ q(z given x_observed) with weights

    w_k  proportional to  p(x_observed, z_k) / q(z_k given x_observed)                                           (1)

stand for the exact posterior, so that p(x_j given x_observed) is the mixture \sum_k w_k p(x_j given z_k). Joint draws take one z
by its weight, and every missing cell given that z. Category codes have no mean and no interval: there the mean is the most
probable code, and the rest NaN.

Reference: P.-A. Mattei, J. Frellsen, "MIWAE: deep generative modelling and imputation of incomplete data sets", ICML 2019
(equations 13 and 14).
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.likelihood import AbstractLikelihood
from lowerbound.models.model import AbstractImputingModel

_BISECTIONS = 40  # in single precision no more digits are to be had
_COMPONENTS = 200  # of the mixture whose quantiles are sought
_FAR = 12  # standard deviations from a component's mean beyond which nothing is left of it


class _Weighted(NamedTuple):
    """Draws of z as the likelihood's outputs, and their normalized log weights."""

    log_weight: Float[Array, " samples"]
    outputs: Float[Array, "samples outputs *event"]


def _weighted(model: AbstractImputingModel, datum: Datum, n_samples: int, *, key: PRNGKeyArray) -> _Weighted:
    draws = jax.vmap(lambda key: model.draw(datum, key=key))(jax.random.split(key, n_samples))
    outputs = jax.vmap(lambda z: model.outputs(z, datum.condition))(draws.z)
    return _Weighted(jax.nn.log_softmax(draws.log_weight), outputs)


class SampledMoments(eqx.Module):
    """Row function: mean and variance of each cell under the weighted draws."""

    n_samples: int = eqx.field(static=True)

    def __call__(
        self, model: AbstractImputingModel, datum: Datum, *, key: PRNGKeyArray
    ) -> tuple[Float[Array, "*event"], Float[Array, "*event"]]:
        """Mean and variance."""
        found, likelihood = _weighted(model, datum, self.n_samples, key=key), model.likelihood
        weight = jnp.exp(found.log_weight)
        means, variances = jax.vmap(likelihood.mean)(found.outputs), jax.vmap(likelihood.variance)(found.outputs)
        mean = likelihood.mean_of_mixture(found.outputs, weight)
        return mean, jnp.tensordot(weight, variances + (means - mean) ** 2, axes=1)


class SampledInterval(eqx.Module):
    """Row function: ends of the interval of probability ``coverage``, under the weighted draws."""

    coverage: float = eqx.field(static=True)
    n_samples: int = eqx.field(static=True)

    def __call__(
        self, model: AbstractImputingModel, datum: Datum, *, key: PRNGKeyArray
    ) -> tuple[Float[Array, "*event"], Float[Array, "*event"]]:
        """Lower and upper end of each cell."""
        outputs = _components_of_cells(model.likelihood, _weighted(model, datum, self.n_samples, key=key))
        ends = [_mixture_quantile(model.likelihood, outputs, 0.5 * (1 + side * self.coverage)) for side in (-1, 1)]
        return ends[0], ends[1]


def _components_of_cells(likelihood: AbstractLikelihood, found: _Weighted) -> Float[Array, "components outputs *event"]:
    """Few components of equal weight for each cell: an even comb over its draws, which are sorted by their mean.

    A comb over unsorted draws is a random sample of them, whose quantiles err by 0.15 standard deviations.
    """
    order = jnp.argsort(jax.vmap(likelihood.mean)(found.outputs), axis=0)
    cumulative = jnp.cumsum(jnp.exp(found.log_weight)[order], axis=0)
    comb = (jnp.arange(_COMPONENTS) + 0.5) / _COMPONENTS

    def at_comb(cumulative: Float[Array, " samples"], order: Int[Array, " samples"]) -> Int[Array, " components"]:
        return order[jnp.minimum(jnp.searchsorted(cumulative, comb), len(order) - 1)]

    for _ in order.shape[1:]:
        at_comb = jax.vmap(at_comb, in_axes=-1, out_axes=-1)
    return jnp.take_along_axis(found.outputs, at_comb(cumulative, order)[:, None], axis=0)


def _mixture_quantile(
    likelihood: AbstractLikelihood, outputs: Float[Array, "components outputs *event"], probability: float
) -> Float[Array, "*event"]:
    """Quantile of the mean of the components' distribution functions at ``probability``, by bisection; NaN for codes."""
    means, scales = jax.vmap(likelihood.mean)(outputs), jnp.sqrt(jax.vmap(likelihood.variance)(outputs))
    if likelihood.support == "codes":
        return jnp.full(means.shape[1:], jnp.nan)

    def halve(_: Array, around: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = around
        middle = 0.5 * (low + high)
        below = jax.vmap(lambda out: likelihood.cdf(out, middle))(outputs).mean(axis=0) < probability
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    around = ((means - _FAR * scales).min(axis=0) - 1, (means + _FAR * scales).max(axis=0) + 1)
    low, high = jax.lax.fori_loop(0, _BISECTIONS, halve, around)
    return 0.5 * (low + high) if likelihood.support == "reals" else jnp.round(high)


class SampledCompletions(eqx.Module):
    """Row function: ``n_draws`` rows whose missing cells were drawn given the observed ones: importance resampling."""

    n_draws: int = eqx.field(static=True)
    n_samples: int = eqx.field(static=True)

    def __call__(
        self, model: AbstractImputingModel, datum: Datum, *, key: PRNGKeyArray
    ) -> Float[Array, "draws *event"]:
        """The draws for one datum."""
        proposal_key, choice_key, cell_key = jax.random.split(key, 3)
        found = _weighted(model, datum, self.n_samples, key=proposal_key)
        chosen = jnp.searchsorted(
            jnp.cumsum(jnp.exp(found.log_weight)), jax.random.uniform(choice_key, (self.n_draws,))
        )
        chosen = jnp.minimum(
            chosen, self.n_samples - 1
        )  # where the rounded weights add up to less than the largest draw

        def one(index: Array, key: PRNGKeyArray) -> Float[Array, "*event"]:
            drawn = model.likelihood.sample(found.outputs[index], key=key)
            return datum.values if datum.observed is None else jnp.where(datum.observed, datum.values, drawn)

        return jax.vmap(one)(chosen, jax.random.split(cell_key, self.n_draws))
