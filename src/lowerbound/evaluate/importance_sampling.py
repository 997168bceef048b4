r"""Importance sampling: held-out log p(x) from draws of q, with an error that can be trusted or a warning that it cannot.

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

import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, UInt32

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.evaluate.evidence import Evidence, EvidenceWarning, exact_evidence, sampling_error
from lowerbound.evaluate.pareto import pareto_k
from lowerbound.evaluate.rows import MEMORY_BUDGET, RowFunction, bytes_per_row, chunk_rows, iterate_rows, map_rows
from lowerbound.evaluate.trust import share_untrusted, untrusted_note
from lowerbound.models.model import AbstractDensityModel, AbstractExactModel


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
        return exact_evidence(map_rows(_exact_log_evidence, model, dataset, key=key), base_measure=base_measure)
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
        sampling_error=sampling_error(per_row),
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


def _error_of_mean(error: Float[np.ndarray, " n"], hashes: UInt32[np.ndarray, " n"]) -> float:
    """Monte Carlo error of the mean over rows: equal rows share their draws, so their errors add up in full."""
    _, group = np.unique(hashes, return_inverse=True)
    return float(np.sqrt(np.sum(np.bincount(group, weights=error) ** 2)) / len(error))


def _warn_if_untrusted(k: Float[np.ndarray, " n"], n_samples: int) -> None:
    if note := untrusted_note(share_untrusted(k), exact=False, n_samples=n_samples):
        warnings.warn(note, EvidenceWarning, stacklevel=5)
