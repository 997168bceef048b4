r"""Imputation: missing cells from the observed ones of their row, as means, intervals or draws.

Under a fitted model every missing cell has a distribution p(x_j given x_observed), a mixture of normal distributions:

    mean      \sum_k r_k m_kj
    variance  \sum_k r_k (v_kj + m_kj^2) - mean^2
    interval  from the quantile at (1 - c) / 2 to that at (1 + c) / 2, which hold x_j with probability c

An interval speaks of one cell. What several cells of a row do together is in the draws, which are joint: analyses are repeated
on each completed table and their results pooled (Rubin's rules). The distributions are those of the fitted parameters, as if
these were known: with few rows for many parameters the intervals are too narrow.

A model without closed forms is asked by importance sampling (``evaluate.sampled_imputation``).

Reference: D. B. Rubin, "Multiple imputation for nonresponse in surveys", 1987.
"""

from dataclasses import replace
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr
from jaxtyping import Array, Float, PRNGKeyArray, UInt32
from scipy.special import ndtri

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.evaluate.rows import map_rows
from lowerbound.evaluate.sampled_imputation import SampledCompletions, SampledInterval, SampledMoments
from lowerbound.models.model import AbstractExactModel, AbstractImputingModel, Predictive

SAMPLES = 1000
"""Draws of z per row, of a model without closed forms."""

_BISECTIONS = 60  # halves an interval of a few standard deviations down to rounding


class Moments(NamedTuple):
    """Mean and variance of every cell given the observed cells of its row, model units, (n, …); observed cells: as if anew."""

    mean: Float[np.ndarray, "n *event"]
    variance: Float[np.ndarray, "n *event"]


class Interval(NamedTuple):
    """Ends of the central interval of every cell given the observed cells of its row, model units, (n, …)."""

    lower: Float[np.ndarray, "n *event"]
    upper: Float[np.ndarray, "n *event"]


ImputingModel = AbstractExactModel | AbstractImputingModel


def predictive_moments(
    model: ImputingModel, dataset: Dataset, *, n_samples: int = SAMPLES, key: PRNGKeyArray
) -> Moments:
    """Mean and variance of each cell's distribution given the observed cells of its row.

    Parameters
    ----------
    model, dataset
        The fitted model and the rows.
    n_samples
        Draws per row, of a model without closed forms.
    key
        Base of the rows' randomness.
    """
    if isinstance(model, AbstractExactModel):
        return Moments(*map_rows(_moments, model, dataset, key=key))
    return Moments(*map_rows(SampledMoments(n_samples), model, dataset, key=key))


def predictive_interval(
    model: ImputingModel, dataset: Dataset, *, coverage: float, n_samples: int = SAMPLES, key: PRNGKeyArray
) -> Interval:
    """The interval that holds each cell with probability ``coverage``, equal shares on both sides."""
    if isinstance(model, AbstractExactModel):
        return Interval(*map_rows(CentralInterval(float(coverage)), model, dataset, key=key))
    return Interval(*map_rows(SampledInterval(float(coverage), n_samples), model, dataset, key=key))


def completed(
    model: ImputingModel, dataset: Dataset, *, n_draws: int, n_samples: int = SAMPLES, key: PRNGKeyArray
) -> Float[np.ndarray, "n draws *event"]:
    """``n_draws`` independent joint draws of the missing cells of each row, beside its observed ones, model units.

    Rows of equal content are different cases, with draws of their own: the second one of a kind counts as another hash.
    """
    apart = replace(dataset, hashes=_apart(dataset.row_hashes()))
    if isinstance(model, AbstractExactModel):
        return map_rows(Completions(n_draws), model, apart, key=key)
    return map_rows(SampledCompletions(n_draws, n_samples), model, apart, key=key)


def _apart(hashes: UInt32[np.ndarray, " n"]) -> UInt32[np.ndarray, " n"]:
    """The hashes, moved on by an odd constant for each earlier row that has the same."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    earlier = np.arange(len(hashes)) - np.repeat(first, np.diff(np.append(first, len(hashes))))
    moved = np.empty_like(hashes)
    moved[order] = (ordered.astype(np.uint64) + 0x9E3779B9 * earlier.astype(np.uint64)).astype(np.uint32)
    return moved


def _moments(
    model: AbstractExactModel, datum: Datum, *, key: PRNGKeyArray
) -> tuple[Float[Array, "*event"], Float[Array, "*event"]]:
    found = model.predictive(datum)
    weight = jnp.exp(found.log_weight)
    mean = jnp.tensordot(weight, found.mean, axes=1)
    return mean, jnp.tensordot(weight, found.variance + (found.mean - mean) ** 2, axes=1)


class CentralInterval(eqx.Module):
    """Row function: ends of the interval of probability ``coverage``."""

    coverage: float = eqx.field(static=True)

    def __call__(
        self, model: AbstractExactModel, datum: Datum, *, key: PRNGKeyArray
    ) -> tuple[Float[Array, "*event"], Float[Array, "*event"]]:
        """Lower and upper end of each cell."""
        found = model.predictive(datum)
        return _quantile(found, 0.5 * (1 - self.coverage)), _quantile(found, 0.5 * (1 + self.coverage))


def _quantile(found: Predictive, probability: float) -> Float[Array, "*event"]:
    """Quantile of the mixture at ``probability``: between its components' own quantiles, by bisection."""
    scale = jnp.sqrt(found.variance)
    ends = found.mean + float(ndtri(probability)) * scale
    weight = jnp.exp(found.log_weight)

    def halve(_: Array, around: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = around
        middle = 0.5 * (low + high)
        below = jnp.tensordot(weight, ndtr((middle - found.mean) / scale), axes=1) < probability
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    around = (ends.min(axis=0), ends.max(axis=0))
    if len(weight) > 1:
        around = jax.lax.fori_loop(0, _BISECTIONS, halve, around)
    return 0.5 * (around[0] + around[1])


class Completions(eqx.Module):
    """Row function: ``n_draws`` rows whose missing cells were drawn given the observed ones."""

    n_draws: int = eqx.field(static=True)

    def __call__(self, model: AbstractExactModel, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, "draws *event"]:
        """The draws for one datum."""
        return jax.vmap(lambda key: model.complete(datum, key=key))(jax.random.split(key, self.n_draws))
