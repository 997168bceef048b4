r"""Verbs of exactly solvable models, in NumPy: nothing is compiled, and JAX is not imported.

    Dataset  --model units-->  chunks of Rows  --gaussians-->  one result per row

A process that only scores with a saved factor analysis thus starts in the time of NumPy, answers at once for any number of rows
and any pattern of holes, and may be forked. ``evaluate.compiled`` has the same verbs for all other models.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from lowerbound.data.dataset import Dataset
from lowerbound.data.threefry import Key, generators, keys_of_rows
from lowerbound.evaluate.evidence import Evidence, exact_evidence
from lowerbound.evaluate.imputed import Cells, Completed, Means, Moments, certain, hashes_apart
from lowerbound.evaluate.outlier_methods import OutlierMethod
from lowerbound.gaussians.mixture import GaussianMixture, Given
from lowerbound.gaussians.rows import Rows

_CHUNK = 2**22  # numbers of a chunk: 32 MiB, near the cache
_BISECTIONS = 60  # halves an interval of a few standard deviations down to rounding


class ClosedFormVerbs:
    """What the estimators ask of a fitted model, answered by its closed forms."""

    exact = True

    def __init__(self, density: GaussianMixture) -> None:
        self._density = density

    # ---- rows

    def _chunks(self, dataset: Dataset, *, numbers: int = 0) -> list[slice]:
        per_row = self._density.components.numbers_per_row(complete=dataset.complete) + numbers
        size = max(1, _CHUNK // per_row)
        return [slice(start, min(start + size, len(dataset))) for start in range(0, len(dataset), size)]

    def _given(self, dataset: Dataset, part: slice) -> Given:
        values, observed, log_determinant = dataset.in_model_units(part)
        flat = values.reshape(len(values), -1)
        mask = None if observed is None or observed.all() else observed.reshape(flat.shape)
        return self._density.given(Rows(flat, mask, log_determinant))

    def _each(self, dataset: Dataset, function: Callable[[Given], Any]) -> Any:
        """The function of what is given by each chunk, stacked along the rows."""
        found = [function(self._given(dataset, part)) for part in self._chunks(dataset)]
        if isinstance(found[0], tuple):
            return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _shaped(self, rows: Float[np.ndarray, "*rows d"]) -> Float[np.ndarray, "*rows_and_event"]:
        return rows.reshape(*rows.shape[:-1], *self._density.event_shape)

    # ---- codes

    def encode(self, dataset: Dataset, *, key: Key) -> Float[np.ndarray, "n latent"]:
        """Posterior mean of the code of each row."""
        return np.asarray(self._each(dataset, Given.encode))

    def decode(
        self, latents: Float[np.ndarray, "n latent"], condition: Float[np.ndarray, "n condition"] | None
    ) -> Float[np.ndarray, "n *event"]:
        """E[x given z] in model units."""
        return self._shaped(self._density.decode(latents))

    def reconstruct(self, dataset: Dataset, *, key: Key) -> Float[np.ndarray, "n *event"]:
        """E[x given z] at each row's code, model units."""
        return self._shaped(self._each(dataset, Given.reconstruct))

    def posterior(self, dataset: Dataset, *, key: Key) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Mean, marginal standard deviation and covariance of z given x for each row."""
        mean, scale, covariance = self._each(dataset, Given.moments_of_factors)
        return mean, scale, covariance

    def sample_posterior(self, dataset: Dataset, *, n_draws: int, key: Key) -> Float[np.ndarray, "n draws latent"]:
        """Draws z ~ p(z given x) of each row."""
        factors = self._density.components.latent_dim
        return np.asarray(self._with_draws(dataset, Given.draw, n_draws=n_draws, numbers=factors, key=key))

    def sample(
        self, n_samples: int, condition: Float[np.ndarray, "n condition"] | None, *, key: Key
    ) -> tuple[Float[np.ndarray, "n *event"], Float[np.ndarray, "n latent"]]:
        """Draws (x, z) ~ p(x, z), x in model units."""
        x, z = self._density.sample(n_samples, np.random.default_rng(key))
        return self._shaped(x), z

    # ---- density

    def log_evidence(self, dataset: Dataset, *, n_samples: int, base_measure: str, key: Key) -> Evidence:
        """log p(x_observed) of each row, exact."""
        return exact_evidence(self._log_evidence(dataset), base_measure=base_measure)

    def _log_evidence(self, dataset: Dataset) -> Float[np.ndarray, " n"]:
        return np.asarray(self._each(dataset, lambda given: given.log_evidence))

    def elbo(self, dataset: Dataset, *, n_samples: int, key: Key) -> Float[np.ndarray, " n"]:
        """log p(x_observed): the bound is tight."""
        return self._log_evidence(dataset)

    def outlier_scores(
        self, dataset: Dataset, *, method: OutlierMethod, n_samples: int, key: Key
    ) -> Float[np.ndarray, " n"]:
        """The score of each row by the named method, as in ``evaluate.outliers``."""
        if method == "reconstruction":
            return -np.asarray(self._each(dataset, Given.log_likelihood))
        if method == "kl":
            return np.asarray(self._each(dataset, Given.kl))
        assert method in ("log_evidence", "elbo")  # which are one where the posterior is exact
        return -self._log_evidence(dataset)

    def log_responsibility(self, dataset: Dataset, *, key: Key) -> Float[np.ndarray, "n clusters"]:
        """log p(cluster given x_observed) of each row."""
        return np.asarray(self._each(dataset, lambda given: given.log_responsibility.T))

    # ---- missing cells

    def predictive_means(self, dataset: Dataset, *, n_samples: int, key: Key) -> Means:
        """Mean of each cell given the observed cells of its row."""
        return Means(self._shaped(self._each(dataset, Given.means)), certain(len(dataset)))

    def predictive_moments(self, dataset: Dataset, *, n_samples: int, key: Key) -> Moments:
        """Mean and variance of each cell given the observed cells of its row."""
        mean, variance = self._each(dataset, lambda given: _summary(given)[:2])
        return Moments(self._shaped(mean), self._shaped(variance), certain(len(dataset)))

    def predictive_cells(self, dataset: Dataset, *, coverage: float, n_samples: int, key: Key) -> Cells:
        """Moments of each cell, and the central interval that holds a missing one with probability ``coverage``."""
        found = self._each(dataset, lambda given: _summary(given, coverage))
        mean, variance, lower, upper = (self._shaped(each) for each in found)
        return Cells(mean, variance, lower, upper, certain(len(dataset)))

    def completed(self, dataset: Dataset, *, n_draws: int, n_samples: int, key: Key) -> Completed:
        """Joint draws of the missing cells of each row, beside its observed ones, model units."""
        apart = replace(dataset, hashes=hashes_apart(dataset.row_hashes()))
        numbers = self._density.components.latent_dim + self._density.components.mean.shape[1]

        def drawn(given: Given, uniform: np.ndarray, standard: np.ndarray) -> np.ndarray:
            return given.with_observed(given.complete(uniform, standard))

        rows = self._with_draws(apart, drawn, n_draws=n_draws, numbers=numbers, key=key)
        return Completed(self._shaped(np.asarray(rows)), certain(len(dataset)))

    def _with_draws(
        self,
        dataset: Dataset,
        function: Callable[[Given, np.ndarray, np.ndarray], np.ndarray],
        *,
        n_draws: int,
        numbers: int,
        key: Key,
    ) -> np.ndarray:
        """The function of each chunk, a uniform number and so many standard normal ones for each draw of a row."""
        keys, found = keys_of_rows(key, dataset.row_hashes()), []
        several = len(self._density.log_weight) > 1
        for part in self._chunks(dataset, numbers=4 * n_draws * (1 + numbers + self._density.components.mean.shape[1])):
            given = self._given(dataset, part)
            uniform, standard = np.zeros((len(keys[part]), n_draws)), np.empty((len(keys[part]), n_draws, numbers))
            for row, generator in enumerate(generators(keys[part])):
                generator.standard_normal(out=standard[row])
                if several:
                    generator.random(out=uniform[row])
            found.append(function(given, uniform, standard))
        return np.concatenate(found)


def _summary(given: Given, coverage: float | None = None) -> tuple[np.ndarray, ...]:
    """Mean and variance (n, d) of the mixture of each cell; with a coverage, also the ends of its interval, NaN if observed."""
    means, variances = given.moments()
    weight = given.responsibility[..., None]
    mean = np.sum(weight * means, axis=0)
    variance = np.sum(weight * (variances + (means - mean) ** 2), axis=0)
    if coverage is None:
        return mean, variance
    ends = [np.full(mean.shape, np.nan) for _ in range(2)]
    missing = given.missing
    if missing.any():
        cells = (means[:, missing], np.sqrt(variances[:, missing]))
        row = np.nonzero(missing)[0]
        for end, side in zip(ends, (-1, 1), strict=True):
            end[missing] = _quantile(*cells, given.responsibility[:, row], 0.5 * (1 + side * coverage))
    return mean, variance, *ends


def _quantile(
    mean: Float[np.ndarray, "k cells"],
    scale: Float[np.ndarray, "k cells"],
    weight: Float[np.ndarray, "k cells"],
    probability: float,
) -> Float[np.ndarray, " cells"]:
    """Quantile of mixtures of normal distributions: between the components' own quantiles, by bisection."""
    from scipy.special import ndtr, ndtri  # here, since whoever only scores needs no SciPy

    each = mean + float(ndtri(probability)) * scale
    low, high = each.min(axis=0), each.max(axis=0)
    for _ in range(_BISECTIONS if len(mean) > 1 else 0):
        middle = 0.5 * (low + high)
        below = np.sum(weight * ndtr((middle - mean) / scale), axis=0) < probability
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(0.5 * (low + high))
