"""What every likelihood promises: SciPy's log-probabilities, exact masks, finite gradients at extremes, honest samples."""

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, log_softmax

from lowerbound.data import row_chunks
from lowerbound.data.datum import Datum
from lowerbound.likelihoods.bernoulli import Bernoulli
from lowerbound.likelihoods.categorical import Categorical
from lowerbound.likelihoods.gaussian import (
    SCALE_FLOOR,
    FeatureScaleGaussian,
    FixedScaleGaussian,
    NetworkScaleGaussian,
)
from lowerbound.likelihoods.likelihood import AbstractLikelihood, check_support
from lowerbound.likelihoods.poisson import Poisson

EVENT = (3, 4)
FREE = np.linspace(-2, 1, 12).reshape(EVENT)


@dataclass(frozen=True)
class Case:
    """A likelihood, values of its support, its cells' log-probabilities and moments by SciPy, and its extremes."""

    likelihood: AbstractLikelihood
    values: Callable[[np.random.Generator], np.ndarray]
    log_prob: Callable[[np.ndarray, np.ndarray], np.ndarray]
    mean: Callable[[np.ndarray], np.ndarray]
    variance: Callable[[np.ndarray], np.ndarray]
    extreme_outputs: tuple[float, ...]
    extreme_values: tuple[float, ...]


def floored(free):
    """Log scale by the module's formula."""
    return np.log(SCALE_FLOOR) + np.logaddexp(0, free - np.log(SCALE_FLOOR))


def gaussian(likelihood, scale):
    return Case(
        likelihood,
        lambda rng: rng.normal(size=EVENT) * 2,
        lambda o, x: stats.norm(o[0], scale(o)).logpdf(x),
        lambda o: o[0],
        lambda o: np.broadcast_to(scale(o) ** 2, EVENT),
        (-1e4, 0.0, 1e4),
        (-1e4, 0.0, 1e4),
    )


def category_moment(o, power):
    codes = np.arange(5.0).reshape(5, 1, 1) ** power
    return (np.exp(log_softmax(o, axis=0)) * codes).sum(axis=0)


CASES = {
    "bernoulli": Case(
        Bernoulli(),
        lambda rng: rng.integers(0, 2, EVENT).astype(float),
        lambda o, x: stats.bernoulli(expit(o[0])).logpmf(x),
        lambda o: expit(o[0]),
        lambda o: expit(o[0]) * expit(-o[0]),
        (-1e4, -30.0, 30.0, 1e4),
        (0.0, 1.0),
    ),
    "categorical": Case(
        Categorical(np.array(5), 5),
        lambda rng: rng.integers(0, 5, EVENT).astype(float),
        lambda o, x: np.take_along_axis(log_softmax(o, axis=0), x[None].astype(int), axis=0)[0],
        lambda o: category_moment(o, 1),
        lambda o: category_moment(o, 2) - category_moment(o, 1) ** 2,
        (-1e4, -30.0, 30.0, 1e4),
        (0.0, 4.0),
    ),
    "poisson": Case(
        Poisson(),
        lambda rng: rng.poisson(3, EVENT).astype(float),
        lambda o, x: stats.poisson(np.exp(o[0])).logpmf(x),
        lambda o: np.exp(o[0]),
        lambda o: np.exp(o[0]),
        (-1e4, -30.0, 15.0, 30.0, 1e4),
        (0.0, 1.0, 1e6, 1e9),
    ),
    "gaussian fixed": gaussian(FixedScaleGaussian(0.7), lambda o: 0.7),
    "gaussian feature": gaussian(FeatureScaleGaussian(jnp.asarray(FREE)), lambda o: np.exp(floored(FREE))),
    "gaussian network": gaussian(NetworkScaleGaussian(), lambda o: np.exp(floored(o[1]))),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def outputs_of(case, *, seed=0):
    return np.random.default_rng(seed).normal(size=(case.likelihood.n_outputs, *EVENT))


def datum_of(values, observed=None, log_determinant=0.0):
    return Datum(
        jnp.asarray(values, jnp.float32), None if observed is None else jnp.asarray(observed), None, log_determinant
    )


@eqx.filter_jit
def log_prob_and_gradient(likelihood, outputs, datum):
    return jax.value_and_grad(likelihood.log_prob)(outputs, datum)


def log_prob(likelihood, outputs, datum):
    return log_prob_and_gradient(likelihood, outputs, datum)[0]


@eqx.filter_jit
def samples_of(likelihood, outputs, keys):
    return jax.vmap(lambda key: likelihood.sample(outputs, key=key))(keys)


@every_case
def test_log_prob_is_scipys_summed_over_cells(case):
    for seed in range(5):
        o, x = outputs_of(case, seed=seed), case.values(np.random.default_rng(seed))
        found = log_prob(case.likelihood, jnp.asarray(o), datum_of(x, log_determinant=jnp.asarray(-1.5)))
        np.testing.assert_allclose(found, case.log_prob(o, x).sum() - 1.5, rtol=2e-6, atol=2e-5)


@every_case
def test_log_prob_in_float64_is_scipys_to_ten_digits(case):
    with jax.enable_x64(True):
        o, x = outputs_of(case), case.values(np.random.default_rng(0))
        likelihood = case.likelihood
        if isinstance(likelihood, FeatureScaleGaussian):
            likelihood = FeatureScaleGaussian(jnp.asarray(FREE))
        found = log_prob(likelihood, jnp.asarray(o), Datum(jnp.asarray(x)))
        np.testing.assert_allclose(found, case.log_prob(o, x).sum(), rtol=1e-10)


@every_case
def test_missing_cells_are_marginalized_and_touch_no_gradient(case):
    o, x = outputs_of(case), case.values(np.random.default_rng(1))
    observed = np.random.default_rng(2).random(EVENT) < 0.6
    expected = case.log_prob(o, x)[observed].sum()
    for fill in (0.0, case.extreme_values[-1]):
        value, gradient = log_prob_and_gradient(
            case.likelihood, jnp.asarray(o), datum_of(np.where(observed, x, fill), observed)
        )
        np.testing.assert_allclose(value, expected, rtol=2e-6, atol=2e-5)
        assert np.isfinite(gradient).all()
        np.testing.assert_array_equal(gradient[:, ~observed], 0)
        assert (np.abs(gradient[:, observed]).sum(axis=0) > 0).all()


@every_case
def test_a_datum_without_observed_cells_has_log_probability_zero(case):
    none = datum_of(np.zeros(EVENT), np.zeros(EVENT, bool))
    value, gradient = log_prob_and_gradient(case.likelihood, jnp.asarray(outputs_of(case)), none)
    assert value == 0
    np.testing.assert_array_equal(gradient, 0)


@every_case
def test_extremes_have_finite_values_and_gradients(case):
    rng = np.random.default_rng(3)
    for _ in range(20):
        o = rng.choice(case.extreme_outputs, size=(case.likelihood.n_outputs, *EVENT))
        x = rng.choice(case.extreme_values, size=EVENT)
        value, gradient = log_prob_and_gradient(case.likelihood, jnp.asarray(o), datum_of(x))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


@every_case
def test_gradient_is_that_of_finite_differences(case):
    with jax.enable_x64(True):
        likelihood = case.likelihood
        if isinstance(likelihood, FeatureScaleGaussian):
            likelihood = FeatureScaleGaussian(jnp.asarray(FREE))
        o = jnp.asarray(outputs_of(case))
        datum = Datum(jnp.asarray(case.values(np.random.default_rng(4))))
        _, gradient = log_prob_and_gradient(likelihood, o, datum)
        for seed in range(3):
            way = jnp.asarray(np.random.default_rng(seed).normal(size=o.shape))
            step = 1e-5 * way
            slope = (log_prob(likelihood, o + step, datum) - log_prob(likelihood, o - step, datum)) / 2e-5
            np.testing.assert_allclose(np.vdot(gradient, way), slope, rtol=1e-6)


@every_case
def test_samples_have_the_moments_of_the_law(case):
    n = 8000
    o = outputs_of(case)
    keys = jax.random.split(jax.random.key(0), n)
    draws = np.asarray(samples_of(case.likelihood, jnp.asarray(o), keys), float)
    mean, variance = case.mean(o), case.variance(o)
    z = (draws.mean(axis=0) - mean) / np.sqrt(variance / n)
    assert np.abs(z).max() < 4.5
    spread = (draws - mean) ** 2
    z = (spread.mean(axis=0) - variance) / (spread.std(axis=0) / np.sqrt(n))
    assert np.abs(z).max() < 4.5
    assert not case.likelihood.unsupported(draws).any()


@every_case
def test_mean_is_that_of_the_law(case):
    o = outputs_of(case)
    found = case.likelihood.mean(jnp.asarray(o))
    expected = o.argmax(axis=0) if isinstance(case.likelihood, Categorical) else case.mean(o)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@every_case
def test_features_are_finite_numbers_with_cells_first(case):
    for values in (case.values(np.random.default_rng(5)), np.full(EVENT, case.extreme_values[-1])):
        features = case.likelihood.features(jnp.asarray(values))
        assert features.shape[:2] == EVENT
        assert np.isfinite(features).all()


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("bernoulli", [0, 1], [0.5, -1, 2, np.nan]),
        ("categorical", [0, 4], [-1, 5, 1.5, np.nan]),
        ("poisson", [0, 1, 1e8], [-1, 0.5, 1e9, np.inf]),
        ("gaussian fixed", [-1e30, 0], [np.nan, np.inf, -np.inf]),
        ("gaussian feature", [-1e30, 0], [np.nan, np.inf, -np.inf]),
        ("gaussian network", [-1e30, 0], [np.nan, np.inf, -np.inf]),
    ],
)
def test_unsupported_finds_the_cells_outside_the_support(name, good, bad):
    values = np.array([[*good, *bad]], float)
    likelihood = CASES[name].likelihood
    np.testing.assert_array_equal(likelihood.unsupported(values), [[False] * len(good) + [True] * len(bad)])
    assert likelihood.support_of_cell((0,), event_shape=values.shape[1:])


def test_check_support_shows_the_first_bad_cell_in_any_chunk(monkeypatch):
    monkeypatch.setattr(row_chunks, "_CHUNK_CELLS", 12)
    X = np.ones((7, 3, 2))
    check_support(Poisson(), X, owner="VAE")
    X[5, 2, 1] = X[6, 0, 0] = -3
    with pytest.raises(
        ValueError, match=r"X of VAE must hold counts .* Poisson likelihood; got X\[5, 2, 1\] = -3\.0\. Choose"
    ):
        check_support(Poisson(), X, owner="VAE")


@pytest.mark.parametrize("columns", [(0, 1), (1, 0)])
def test_the_codes_that_an_error_names_are_those_of_the_cell_that_it_shows(columns):
    likelihood = Categorical(np.array([9, 2])[list(columns)], 9)
    X = np.array([[np.nan, 1.0], [0.0, 5.0]])[:, columns]
    message = rf"codes 0 to 1 in this column, as in fit .*; got X\[1, {columns.index(1)}\] = 5\.0\."
    with pytest.raises(ValueError, match=message):
        check_support(likelihood, X, owner="VAE")
