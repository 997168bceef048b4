r"""Evidence: held-out log p(x), by importance sampling from q, with an error that can be trusted or a warning that it cannot.

    w_i = p(x, z_i) / q(z_i given x),  z_i ~ q,  i = 1 … S                                                       (1)
    log p^(x) = log (1/S) \sum_i w_i                                                                             (2)
    se(x)     = sd(w) / (sqrt(S) mean(w))                        delta method                                    (3)
    ESS(x)    = (\sum w)^2 / \sum w^2                            between 1 and S                                 (4)
    k^(x)     = Pareto shape of the largest weights              above 0.7: do not trust (2) and (3)             (5)

E log p^(x) <= log p(x) (Jensen), by about se^2 / 2: (2) is a lower bound on average, and tightens with S. The error of the mean
over n rows, sqrt(sum of se^2) / n, is right because different rows have draws of
their own; equal rows share theirs, and their errors add up in full. The encoder runs once a row: its work does
not depend on the draw's key, so ``vmap`` over keys leaves it unbatched.

A model that knows its evidence is asked for it: nothing is drawn, and nothing is uncertain but the choice of the rows.

References: Y. Burda, R. Grosse, R. Salakhutdinov, ICLR 2016; A. Owen, "Monte Carlo theory, methods and examples", chapter 9.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, UInt32

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.evaluate.pareto import pareto_k
from lowerbound.evaluate.rows import MEMORY_BUDGET, RowFunction, bytes_per_row, chunk_rows, iterate_rows, map_rows
from lowerbound.evaluate.trust import share_untrusted, untrusted_note
from lowerbound.models.model import AbstractDensityModel, AbstractExactModel


class EvidenceWarning(UserWarning):
    """An estimate by importance sampling, of log p(x) or of missing cells, cannot be trusted for some rows."""


@dataclass(frozen=True)
class Evidence:
    """log p(x) of a set of rows, in nats.

    Attributes
    ----------
    value
        Mean over the rows.
    standard_error
        Monte Carlo error of ``value`` for these very rows; 0 where exact.
    sampling_error
        Standard deviation of the rows' values over sqrt(n): how far ``value`` is from its expectation over new rows.
    per_row, per_row_standard_error
        log p(x) and its Monte Carlo error for each row, shape (n,).
    effective_sample_size
        Effective sample size of the importance weights, for each row, in [1, n_samples]; NaN where exact.
    pareto_k
        Tail shape of the weights for each row; above 0.7 the estimate is not to be trusted; NaN below 25 samples and where exact.
    n_samples
        Draws per row; 0 where exact.
    exact
        Whether log p(x) was computed without sampling.
    base_measure
        What p(x) is a density or mass with respect to.
    """

    value: float
    standard_error: float
    sampling_error: float
    per_row: Float[np.ndarray, " n"]
    per_row_standard_error: Float[np.ndarray, " n"]
    effective_sample_size: Float[np.ndarray, " n"]
    pareto_k: Float[np.ndarray, " n"]
    n_samples: int
    exact: bool
    base_measure: str

    def __str__(self) -> str:
        kind = "exact" if self.exact else f"{self.n_samples} draws per row"
        return (
            f"log p(x) = {self.value:.3f} ± {self.standard_error:.3f} nats per row ({kind}; "
            f"± {self.sampling_error:.3f} for new rows; {self.base_measure})"
        )


class LogWeights(eqx.Module):
    """Row function: ``n_samples`` log weights, equation (1), at most ``at_once`` decoded together."""

    n_samples: int = eqx.field(static=True)
    at_once: int = eqx.field(static=True)

    def __call__(self, model: AbstractDensityModel, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, " samples"]:
        """The log weights of one datum."""

        def one(key: PRNGKeyArray) -> Float[Array, ""]:
            return model.draw(datum, key=key).log_weight

        return over_draws(one, jax.random.split(key, self.n_samples), self.at_once)


class MeanElbo(eqx.Module):
    """Row function: the ELBO with closed-form KL, its expectation over ``n_samples`` draws, ``at_once`` decoded together."""

    n_samples: int = eqx.field(static=True)
    at_once: int = eqx.field(static=True)

    def __call__(self, model: AbstractDensityModel, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, ""]:
        """ELBO of one datum."""

        def one(key: PRNGKeyArray) -> Float[Array, ""]:
            terms = model.elbo_terms(datum, key=key)
            return terms.log_likelihood - terms.kl.sum()

        return over_draws(one, jax.random.split(key, self.n_samples), self.at_once).mean()


def over_draws(one: Callable[[Any], PyTree], given: PyTree, at_once: int) -> PyTree:
    """One(item) for each item along the first axis of the arrays (keys, as a rule), stacked; ``at_once`` of them together."""
    n_samples = len(jax.tree.leaves(given)[0])
    return jax.vmap(one)(given) if at_once >= n_samples else jax.lax.map(one, given, batch_size=at_once)


def draws_at_once(
    one_draw: RowFunction,
    model: AbstractDensityModel,
    dataset: Dataset,
    *,
    n_samples: int,
    memory_budget: int = MEMORY_BUDGET,
) -> int:
    """How many of a row's ``n_samples`` draws may be decoded together, where ``one_draw`` is the row function of one of them."""
    return min(n_samples, max(1, memory_budget // bytes_per_row(one_draw, model, dataset)))


def elbo(
    model: AbstractDensityModel, dataset: Dataset, *, n_samples: int, key: PRNGKeyArray
) -> Float[np.ndarray, " n"]:
    """E_q[log p(x given z)] - KL(q || p) in nats for each row, over ``n_samples`` draws; log p(x) where q is exact."""
    if isinstance(model, AbstractExactModel):
        return map_rows(_exact_log_evidence, model, dataset, key=key)
    at_once = draws_at_once(MeanElbo(1, 1), model, dataset, n_samples=n_samples)
    return map_rows(MeanElbo(n_samples, at_once), model, dataset, key=key)


def log_evidence(
    model: AbstractDensityModel,
    dataset: Dataset,
    *,
    n_samples: int,
    key: PRNGKeyArray,
    base_measure: str,
    memory_budget: int = MEMORY_BUDGET,
    warn: bool = True,
) -> Evidence:
    """Log p(x): exact where the model knows it, else by importance sampling, equations (1) to (5).

    Parameters
    ----------
    model, dataset
        The fitted model and the rows.
    n_samples
        Draws S per row, at least 1.
    key
        Base of the rows' randomness.
    base_measure
        Carried into the result.
    memory_budget
        Bytes that one compiled chunk may take, roughly; it does not change the draws.
    warn
        False where only the order of the rows matters.

    Warns
    -----
    EvidenceWarning
        Where k-hat is above 0.7 for more than one row in ten, with what to do.
    """
    if isinstance(model, AbstractExactModel):
        return _exact(map_rows(_exact_log_evidence, model, dataset, key=key), base_measure=base_measure)
    at_once = draws_at_once(LogWeights(1, 1), model, dataset, n_samples=n_samples, memory_budget=memory_budget)
    row_function = LogWeights(n_samples, at_once)
    row_bytes = bytes_per_row(row_function, model, dataset)
    rows_per_chunk = chunk_rows(len(dataset), row_bytes, memory_budget=memory_budget)
    parts = [
        summarize_weights(log_weights)
        for log_weights in iterate_rows(row_function, model, dataset, key=key, rows_per_chunk=rows_per_chunk)
    ]
    per_row, error, effective, k = (np.concatenate(column) for column in zip(*parts, strict=True))
    if warn:
        _warn_if_untrusted(k, n_samples)
    return Evidence(
        value=float(per_row.mean()),
        standard_error=_error_of_mean(error, dataset.row_hashes()),
        sampling_error=_sampling_error(per_row),
        per_row=per_row,
        per_row_standard_error=error,
        effective_sample_size=effective,
        pareto_k=k,
        n_samples=n_samples,
        exact=False,
        base_measure=base_measure,
    )


def _exact_log_evidence(model: AbstractExactModel, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, ""]:
    return model.log_evidence(datum)


def _exact(per_row: Float[np.ndarray, " n"], *, base_measure: str) -> Evidence:
    nothing = np.full(len(per_row), np.nan)
    return Evidence(
        value=float(per_row.mean()),
        standard_error=0.0,
        sampling_error=_sampling_error(per_row),
        per_row=per_row,
        per_row_standard_error=np.zeros(len(per_row)),
        effective_sample_size=nothing,
        pareto_k=nothing,
        n_samples=0,
        exact=True,
        base_measure=base_measure,
    )


def summarize_weights(log_weights: Float[np.ndarray, "rows samples"]) -> tuple[np.ndarray, ...]:
    """Log p^, its error, the effective sample size and k-hat of each row: equations (2) to (5), in float64."""
    log_weights = log_weights.astype(np.float64)
    n_samples = log_weights.shape[1]
    largest = log_weights.max(axis=1, keepdims=True)
    impossible = np.isneginf(largest[:, 0])  # no draw gives the row any density: an extreme outlier, not an error
    log_weights = np.where(impossible[:, None], 0.0, log_weights)
    weights = np.exp(log_weights - np.where(impossible[:, None], 0.0, largest))
    mean = weights.mean(axis=1)
    log_mean = largest[:, 0] + np.log(mean)
    spread = weights.std(axis=1, ddof=1) if n_samples > 1 else np.full(len(weights), np.nan)
    effective = weights.sum(axis=1) ** 2 / np.sum(weights**2, axis=1)
    error = np.where(impossible, np.inf, spread / (np.sqrt(n_samples) * mean))
    effective = np.where(impossible, 1.0, effective)
    return log_mean, error, effective, np.where(impossible, np.inf, pareto_k(log_weights))


def _sampling_error(per_row: Float[np.ndarray, " n"]) -> float:
    """Standard error of the mean as an estimate for new rows: NaN for one row, inf where a row has no density at all."""
    if len(per_row) == 1:
        return math.nan
    return float(per_row.std(ddof=1) / np.sqrt(len(per_row))) if np.isfinite(per_row).all() else math.inf


def _error_of_mean(error: Float[np.ndarray, " n"], hashes: UInt32[np.ndarray, " n"]) -> float:
    """Monte Carlo error of the mean over rows: equal rows share their draws, so their errors add up in full."""
    _, group = np.unique(hashes, return_inverse=True)
    return float(np.sqrt(np.sum(np.bincount(group, weights=error) ** 2)) / len(error))


def _warn_if_untrusted(k: Float[np.ndarray, " n"], n_samples: int) -> None:
    if note := untrusted_note(share_untrusted(k), exact=False, n_samples=n_samples):
        warnings.warn(note, EvidenceWarning, stacklevel=4)
