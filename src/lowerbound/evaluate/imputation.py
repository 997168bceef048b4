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

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr
from jaxtyping import Array, Float, PRNGKeyArray, PyTree
from scipy.special import ndtri

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.evaluate.importance_sampling import draws_at_once, summarize_weights
from lowerbound.evaluate.imputed import SAMPLES, Cells, Completed, Moments, Weights, certain, hashes_apart
from lowerbound.evaluate.rows import RowFunction, bytes_per_row, chunk_rows, iterate_rows, map_rows
from lowerbound.evaluate.sampled_imputation import (
    LatentDraws,
    PredictedCells,
    SampledCompletions,
    SampledPredictive,
    WeightedDraws,
)
from lowerbound.models.model import AbstractExactModel, AbstractImputingModel, Predictive

_BISECTIONS = 60  # halves an interval of a few standard deviations down to rounding


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
    (mean, variance, _), weights = _predictive(model, dataset, coverage=None, n_samples=n_samples, key=key)
    return Moments(mean, variance, weights)


def predictive_cells(
    model: ImputingModel, dataset: Dataset, *, coverage: float, n_samples: int = SAMPLES, key: PRNGKeyArray
) -> Cells:
    """The same moments, and the interval that holds each cell with probability ``coverage``, equal shares on both sides."""
    predicted, weights = _predictive(model, dataset, coverage=coverage, n_samples=n_samples, key=key)
    mean, variance, (lower, upper) = predicted
    return Cells(mean, variance, lower, upper, weights)


def _predictive(
    model: ImputingModel, dataset: Dataset, *, coverage: float | None, n_samples: int, key: PRNGKeyArray
) -> tuple[PyTree, Weights]:
    """Mean, variance and interval (of nothing without a coverage), in one pass over the rows."""
    if isinstance(model, AbstractExactModel):
        exact = ExactPredictive(None if coverage is None else float(coverage))
        return map_rows(exact, model, dataset, key=key), certain(len(dataset))
    at_once = draws_at_once(WeightedDraws(1, 1), model, dataset, n_samples=n_samples)
    row_bytes = bytes_per_row(SampledPredictive(None, n_samples, at_once), model, dataset)
    sampled = SampledPredictive(jnp.asarray(coverage or 0.0, jnp.float32), n_samples, at_once)
    return _map_weighted(sampled, model, dataset, row_bytes=row_bytes, key=key)


def completed(
    model: ImputingModel, dataset: Dataset, *, n_draws: int, n_samples: int = SAMPLES, key: PRNGKeyArray
) -> Completed:
    """``n_draws`` independent joint draws of the missing cells of each row, beside its observed ones, model units.

    Rows of equal content are different cases, with draws of their own: the second one of a kind counts as another hash.
    """
    apart = replace(dataset, hashes=hashes_apart(dataset.row_hashes()))
    if isinstance(model, AbstractExactModel):
        return Completed(map_rows(Completions(n_draws), model, apart, key=key), certain(len(dataset)))
    at_once = draws_at_once(LatentDraws(1, 1), model, dataset, n_samples=n_samples)
    function = SampledCompletions(n_draws, n_samples, at_once)
    row_bytes = bytes_per_row(function, model, apart)
    return Completed(*_map_weighted(function, model, apart, row_bytes=row_bytes, key=key))


def _map_weighted(
    function: RowFunction, model: AbstractImputingModel, dataset: Dataset, *, row_bytes: int, key: PRNGKeyArray
) -> tuple[PyTree, Weights]:
    """What the function says of every row, stacked, and of its weights what is to be known: they are not kept."""
    rows_per_chunk = chunk_rows(len(dataset), row_bytes)
    results, effective, k = [], [], []
    for result, log_weight in iterate_rows(function, model, dataset, key=key, rows_per_chunk=rows_per_chunk):
        summary = summarize_weights(log_weight)
        results.append(result)
        effective.append(summary[2])
        k.append(summary[3])
    stacked = jax.tree.map(lambda *parts: np.concatenate(parts), *results)
    return stacked, Weights(np.concatenate(effective), np.concatenate(k))


class ExactPredictive(eqx.Module):
    """Row function: mean and variance of each cell, and the ends of the interval of probability ``coverage``, if any."""

    coverage: float | None = eqx.field(static=True)

    def __call__(self, model: AbstractExactModel, datum: Datum, *, key: PRNGKeyArray) -> PredictedCells:
        """The cells of one datum."""
        found = model.predictive(datum)
        weight = jnp.exp(found.log_weight)
        mean = jnp.tensordot(weight, found.mean, axes=1)
        variance = jnp.tensordot(weight, found.variance + (found.mean - mean) ** 2, axes=1)
        if self.coverage is None:
            return PredictedCells(mean, variance, None)
        lower, upper = (_quantile(found, 0.5 * (1 + side * self.coverage)) for side in (-1, 1))
        return PredictedCells(mean, variance, (lower, upper))


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
