"""Imputation by importance sampling: against the exact conditional Gaussian of a linear decoder, and quadrature."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm, poisson

from lowerbound.data.dataset import Dataset
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.evaluate.importance_sampling import draws_at_once, log_evidence
from lowerbound.evaluate.imputation import completed, predictive_cells, predictive_moments
from lowerbound.evaluate.rows import bytes_per_row, iterate_rows
from lowerbound.evaluate.sampled_imputation import (
    SampledCompletions,
    SampledPredictive,
    WeightedDraws,
    _mixture_quantile,
)
from lowerbound.likelihoods.bernoulli import Bernoulli
from lowerbound.likelihoods.categorical import Categorical
from lowerbound.likelihoods.gaussian import NetworkScaleGaussian
from lowerbound.likelihoods.poisson import Poisson
from lowerbound.models.decoder import Decoder
from lowerbound.models.vae import VAE
from lowerbound.nn.mlp import MLP
from lowerbound.posteriors.encoder import GaussianEncoder
from lowerbound.posteriors.gaussian import n_posterior_outputs
from lowerbound.priors.standard_normal import StandardNormal
from tests.linear_gaussian import linear_gaussian

TRUTH = linear_gaussian(6, 2, seed=3)
# q is the prior for every row: whatever is known of a row, its weights say.
MODEL = eqx.tree_at(
    lambda model: (model.encoder.network.layers[0].weight, model.encoder.network.layers[0].bias),
    TRUTH.vae(),
    replace_fn=jnp.zeros_like,
)
KEY = jax.random.key(0)
N_SAMPLES = 20_000


def table_with_holes(n_rows=12):
    rng = np.random.default_rng(5)
    X = TRUTH.sample(n_rows, seed=4)
    X[rng.random(X.shape) < 0.4] = np.nan
    X[0], X[1, :-1] = np.nan, np.nan  # a row without cells, and one with a single cell
    X[2] = TRUTH.sample(1, seed=9)  # a complete one
    return X


def as_data(X):
    units = Preprocessing(np.zeros(X.shape[1]), np.ones(X.shape[1]))
    return Dataset(X, units)


def exact_conditional(x):
    """Mean and covariance of the missing cells given the observed ones, from the marginal's matrix."""
    seen = ~np.isnan(x)
    C, mu = TRUTH.covariance, TRUTH.bias
    gain = C[np.ix_(~seen, seen)] @ np.linalg.inv(C[np.ix_(seen, seen)])
    return mu[~seen] + gain @ (x[seen] - mu[seen]), C[np.ix_(~seen, ~seen)] - gain @ C[np.ix_(seen, ~seen)]


def test_log_evidence_of_observed_cells_is_that_of_the_marginal():
    X = table_with_holes()
    found = log_evidence(MODEL, as_data(X), n_samples=N_SAMPLES, key=KEY, base_measure="")
    for x, value, error in zip(X, found.per_row, found.per_row_standard_error, strict=True):
        seen = ~np.isnan(x)
        expected = TRUTH.log_evidence(x[None], seen)[0] if seen.any() else 0.0
        assert abs(value - expected) <= 5 * error + 1e-5
    assert found.per_row[0] == 0.0


def test_moments_are_those_of_the_conditional_gaussian():
    X = table_with_holes()
    found = predictive_moments(MODEL, as_data(X), n_samples=N_SAMPLES, key=KEY)
    for x, mean, variance in zip(X, found.mean, found.variance, strict=True):
        expected, covariance = exact_conditional(x)
        scale = np.sqrt(np.diag(covariance))
        # Effective samples are a fair share of 20 000: errors of a hundredth of the scale are many standard errors.
        np.testing.assert_allclose((mean[np.isnan(x)] - expected) / scale, 0, atol=0.06)
        np.testing.assert_allclose(np.sqrt(variance[np.isnan(x)]) / scale, 1, atol=0.06)


def test_intervals_are_those_of_the_conditional_gaussian():
    X = table_with_holes()
    found = predictive_cells(MODEL, as_data(X), coverage=0.9, n_samples=N_SAMPLES, key=KEY)
    for x, lower, upper in zip(X, found.lower, found.upper, strict=True):
        mean, covariance = exact_conditional(x)
        scale, missing = np.sqrt(np.diag(covariance)), np.isnan(x)
        np.testing.assert_allclose((lower[missing] - mean) / scale, norm.ppf(0.05), atol=0.06)
        np.testing.assert_allclose((upper[missing] - mean) / scale, norm.ppf(0.95), atol=0.06)


def test_draws_are_joint_and_beside_the_observed_cells():
    X = table_with_holes(4)
    n_draws = 4000
    found = completed(MODEL, as_data(X), n_draws=n_draws, n_samples=N_SAMPLES, key=KEY).rows
    for x, draws in zip(X, found, strict=True):
        missing = np.isnan(x)
        np.testing.assert_array_equal(
            draws[:, ~missing], np.broadcast_to(np.float32(x[~missing]), draws[:, ~missing].shape)
        )
        if missing.any():
            mean, covariance = exact_conditional(x)
            drawn = draws[:, missing].astype(np.float64)
            scale = np.sqrt(np.diag(covariance))
            np.testing.assert_allclose((drawn.mean(axis=0) - mean) / scale, 0, atol=0.12)
            correlation = np.cov(drawn.T).reshape(covariance.shape) / scale / scale[:, None]
            np.testing.assert_allclose(correlation, covariance / scale / scale[:, None], atol=0.15)


def test_equal_rows_are_different_cases():
    X = np.repeat(table_with_holes()[1:2], 2, axis=0)
    drawn = completed(MODEL, as_data(X), n_draws=500, n_samples=1000, key=KEY).rows[:, :, 0].astype(np.float64)
    assert (drawn[0] != drawn[1]).all()
    correlation = np.corrcoef(drawn)[0, 1]
    assert abs(correlation) < 4 / math.sqrt(500)


def test_a_row_of_many_draws_is_decoded_in_parts():
    wide = MLP(2, 12, hidden=(3000,), activation="tanh", key=jax.random.key(2))
    model = eqx.tree_at(lambda m: (m.decoder, m.likelihood), MODEL, (Decoder(wide, (2, 6)), NetworkScaleGaussian()))
    data, budget = as_data(table_with_holes(3)), 8 * 2**20
    at_once = draws_at_once(WeightedDraws(1, 1), model, data, n_samples=500, memory_budget=budget)
    assert 1 < at_once < 500
    coverage = jnp.float32(0.9)
    for parts, whole in (
        (SampledPredictive(None, 500, at_once), SampledPredictive(None, 500, 500)),
        (SampledCompletions(300, 500, at_once), SampledCompletions(300, 500, 500)),
    ):
        assert bytes_per_row(parts, model, data) <= budget < bytes_per_row(whole, model, data)
    for parts, whole in (
        (SampledPredictive(coverage, 500, at_once), SampledPredictive(coverage, 500, 500)),
        (SampledCompletions(3, 500, at_once), SampledCompletions(3, 500, 500)),
    ):
        one, other = (
            next(iterate_rows(function, model, data, key=KEY, rows_per_chunk=4)) for function in (parts, whole)
        )
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-3), one, other)


def test_moments_are_the_same_with_and_without_an_interval():
    data = as_data(table_with_holes())
    cells = predictive_cells(MODEL, data, coverage=0.5, n_samples=200, key=KEY)
    moments = predictive_moments(MODEL, data, n_samples=200, key=KEY)
    np.testing.assert_array_equal(cells.mean, moments.mean)
    np.testing.assert_array_equal(cells.variance, moments.variance)
    np.testing.assert_array_equal(cells.weights.pareto_k, moments.weights.pareto_k)


def test_weights_are_those_of_the_evidence():
    data = as_data(table_with_holes())
    expected = log_evidence(MODEL, data, n_samples=500, key=KEY, base_measure="", warn=False)
    found = predictive_moments(MODEL, data, n_samples=500, key=KEY).weights
    np.testing.assert_allclose(found.effective_sample_size, expected.effective_sample_size, rtol=1e-3)
    np.testing.assert_allclose(found.pareto_k, expected.pareto_k, atol=1e-2)
    assert (found.effective_sample_size[0], found.pareto_k[0]) == (500, 0)  # a row without cells
    drawn = completed(MODEL, data, n_draws=2, n_samples=500, key=KEY).weights
    many = expected.effective_sample_size > 50  # other draws: alike where they are many
    ratio = drawn.effective_sample_size[many] / expected.effective_sample_size[many]
    assert np.all(np.abs(np.log(ratio)) < 0.5)


LIKELIHOODS = {
    "bits": Bernoulli(),
    "counts": Poisson(),
    "codes": Categorical(np.array([2, 3, 4]), 4),
    "reals": NetworkScaleGaussian(),
}


def nonlinear(likelihood):
    """A VAE of three cells and one latent with random networks."""
    keys = jax.random.split(jax.random.key(1), 2)
    n_inputs = 3 * (likelihood.n_outputs if likelihood.support == "codes" else 1)
    encoder = MLP(n_inputs, n_posterior_outputs("diagonal", 1), hidden=(4,), activation="tanh", key=keys[0])
    decoder = MLP(1, 3 * likelihood.n_outputs, hidden=(5,), activation="tanh", key=keys[1])
    decoder = eqx.tree_at(lambda network: network.layers[-1].weight, decoder, replace_fn=lambda weight: 3 * weight)
    return VAE(
        prior=StandardNormal(1),
        encoder=GaussianEncoder(encoder, 1, "diagonal", with_mask=False),
        decoder=Decoder(decoder, (likelihood.n_outputs, 3)),
        likelihood=likelihood,
    )


def by_quadrature(model, x):
    """p(x_j given x_observed) of each missing cell, as weights on a grid of z with the likelihood's outputs there."""
    grid = jnp.linspace(-8.0, 8.0, 2001)[:, None]
    seen = ~np.isnan(x)
    outputs = jax.vmap(model.outputs)(grid)
    filled = jnp.asarray(np.where(seen, x, 0.0), jnp.float32)
    per_cell = jax.vmap(lambda out: model.likelihood.log_prob_per_cell(out, filled))(outputs)
    log_weight = np.asarray(per_cell, np.float64)[:, seen].sum(axis=1) - 0.5 * np.asarray(grid[:, 0], np.float64) ** 2
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum(), outputs


@pytest.mark.parametrize("support", LIKELIHOODS)
def test_every_likelihood_fills_by_its_posterior_mean(support):
    model = nonlinear(LIKELIHOODS[support])
    x = np.array([1.0, np.nan, np.nan])
    found = predictive_moments(model, as_data(x[None]), n_samples=N_SAMPLES, key=KEY)
    weight, outputs = by_quadrature(model, x)
    expected = np.asarray(model.likelihood.mean_of_mixture(outputs, jnp.asarray(weight, jnp.float32)))
    np.testing.assert_allclose(found.mean[0, 1:], expected[1:], rtol=0.05)
    if support == "codes":
        assert np.isnan(found.variance).all()
        assert set(found.mean[0, 1:]) <= {0.0, 1.0, 2.0, 3.0}
        return
    means = np.asarray(jax.vmap(model.likelihood.mean)(outputs), np.float64)
    variances = np.asarray(jax.vmap(model.likelihood.variance)(outputs), np.float64)
    second = weight @ (variances + (means - expected) ** 2)
    np.testing.assert_allclose(found.variance[0, 1:], second[1:], rtol=0.1)


def test_quantiles_of_counts_are_counts_and_those_of_codes_are_none():
    rates = np.array([[0.3, 4.0], [2.0, 30.0]])  # two components, two cells
    outputs = jnp.asarray(np.log(rates)[:, None])
    for probability in (0.025, 0.5, 0.975):
        found = _mixture_quantile(Poisson(), outputs, jnp.full(2, 0.5), probability)
        for cell in range(2):
            cdf = poisson.cdf(np.arange(100), rates[:, cell][:, None]).mean(axis=0)
            assert int(found[cell]) == np.argmax(cdf >= probability)
    assert np.isnan(_mixture_quantile(LIKELIHOODS["codes"], jnp.zeros((2, 4, 3)), jnp.full(2, 0.5), 0.5)).all()
    bits = jnp.asarray([[[2.0, -2.0]]])
    np.testing.assert_array_equal(_mixture_quantile(Bernoulli(), bits, jnp.ones(1), 0.05), [0, 0])
    np.testing.assert_array_equal(_mixture_quantile(Bernoulli(), bits, jnp.ones(1), 0.5), [1, 0])
