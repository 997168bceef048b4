"""A conditional model in a file of its own: its estimator overrides one method of the road from the border to the model.

z ~ N(0, I),    x = z + c + N(0, I)        so that p(z given x, c) = N((x - c) / 2, I / 2)
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.data.preprocessing import Preprocessing
from lowerbound.fit.result import FitResult, Status
from lowerbound.interface.base import LatentVariableEstimator
from lowerbound.interface.checks import check_rows
from lowerbound.likelihoods.gaussian import FixedScaleGaussian
from lowerbound.models.model import AbstractDensityModel, Draw, ElboTerms
from lowerbound.posteriors.gaussian import DiagonalGaussian
from lowerbound.priors.standard_normal import StandardNormal

X = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
C = np.random.default_rng(1).normal(size=(6, 2)).astype(np.float32)


class ShiftedModel(AbstractDensityModel):
    """p(x, z given c) of the file's first lines, with its exact posterior."""

    scale: jax.Array

    @property
    def latent_dim(self) -> int:
        return 2

    def posterior(self, datum):
        return DiagonalGaussian((datum.values - datum.condition) / 2, jnp.full(2, -0.5 * np.log(2), jnp.float32))

    def log_likelihood(self, datum, z):
        outputs = self.decode(z, datum.condition)[None]
        return FixedScaleGaussian(1.0).log_prob(outputs, datum)

    def encode(self, datum):
        return self.posterior(datum).mean

    def decode(self, z, condition=None):
        return z + condition

    def log_joint(self, datum, z):
        return StandardNormal(2).log_prob(z) + self.log_likelihood(datum, z)

    def sample(self, condition=None, *, key):
        z_key, x_key = jax.random.split(key)
        z = StandardNormal(2).sample(key=z_key)
        return self.decode(z, condition) + jax.random.normal(x_key, (2,)), z

    def draw(self, datum, *, key):
        z, log_posterior = self.posterior(datum).draw(key=key)
        return Draw(z, StandardNormal(2).log_prob(z), self.log_likelihood(datum, z), log_posterior)

    def elbo_terms(self, datum, *, key):
        posterior = self.posterior(datum)
        return ElboTerms(self.log_likelihood(datum, posterior.draw(key=key).z), posterior.kl(StandardNormal(2)))


class With(NamedTuple):
    """What a verb is given, and c of each row."""

    given: Any
    condition: Any


class Shifted(LatentVariableEstimator):
    """The estimator of ``ShiftedModel``."""

    def __init__(self, latent_dim: int = 2, random_state: int = 0) -> None:
        self.latent_dim = latent_dim
        self.random_state = random_state

    def fit(self, X, y=None):
        check_rows(self, X, reset=True)
        self.seed_ = self.random_state
        self.preprocessing_ = Preprocessing(np.zeros(2), np.ones(2))
        history = {"loss": np.zeros(1)}
        self._set_fitted(FitResult(self._skeleton(key=self._key(2)), 0.0, history, 1, Status("converged", "known."), 1))
        return self

    def _apart(self, given):
        assert isinstance(given, With)
        return given

    def sample(self, n_samples=1, *, condition, random_state=None):
        return self._draws(With(n_samples, condition), random_state=random_state)[0]

    def _skeleton(self, *, key) -> ShiftedModel:
        return ShiftedModel(jnp.ones(1))

    @property
    def likelihood_(self):
        return FixedScaleGaussian(1.0)


@pytest.fixture(scope="module")
def shifted() -> Shifted:
    return Shifted().fit(X)


def test_every_verb_sees_the_condition(shifted: Shifted):
    codes = (X - C) / 2
    np.testing.assert_allclose(shifted.transform(With(X, C)), codes, rtol=1e-5)
    np.testing.assert_allclose(shifted.inverse_transform(With(codes, C)), codes + C, rtol=1e-5)
    np.testing.assert_allclose(shifted.reconstruct(With(X, C)), codes + C, rtol=1e-5)
    errors = shifted.outlier_scores(With(X, C), method="reconstruction")
    expected = 0.5 * np.sum((X - codes - C) ** 2, axis=1) + np.log(2 * np.pi)
    np.testing.assert_allclose(errors, expected, rtol=1e-5)
    exact = -np.sum((X - C) ** 2, axis=1) / 4 - np.log(4 * np.pi)  # N(c, 2 I)
    np.testing.assert_allclose(shifted.score_samples(With(X, C)), exact, rtol=1e-4)


def test_samples_are_drawn_given_the_condition(shifted: Shifted):
    far = np.where(np.arange(6)[:, None] < 3, 0.0, 100.0) * np.ones((6, 2))
    near, shifted_by = shifted.sample(6, condition=np.zeros((6, 2))), shifted.sample(6, condition=far)
    np.testing.assert_allclose(shifted_by, near + far, rtol=1e-5)


def test_equal_rows_under_different_conditions_have_draws_of_their_own(shifted: Shifted):
    rows, condition = np.zeros((3, 2)), np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    draws = shifted.sample_posterior(With(rows, condition), 4) - shifted.transform(With(rows, condition))[:, None]
    np.testing.assert_array_equal(draws[0], draws[2])
    assert np.abs(draws[0] - draws[1]).min() > 1e-4
