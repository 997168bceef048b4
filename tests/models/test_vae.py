"""The VAE against its exactly solvable case, brute-force joints, quadrature and enumeration."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import chisquare, multivariate_normal, norm

from lowerbound.data.datum import Datum
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
from tests.linear_gaussian import linear_gaussian, posterior_gap, read_back

PATTERN = np.array([True, False, True, True, False])


@eqx.filter_jit
def draws_of(model, datum, key, n):
    """n draws with their log densities."""
    return jax.vmap(lambda key: model.draw(datum, key=key))(jax.random.split(key, n))


def datums_of(X, observed=None):
    values = jnp.asarray(X, float)
    if observed is None:
        return [Datum(x) for x in values]
    return [Datum(jnp.where(observed, x, 0), jnp.asarray(observed)) for x in values]


def nonlinear(likelihood, n_features, latent_dim, *, family="diagonal", seed=0):
    """A VAE with small random networks."""
    keys = jax.random.split(jax.random.key(seed), 3)
    n_inputs = jax.eval_shape(likelihood.features, jax.ShapeDtypeStruct((n_features,), jnp.float32)).size
    n_outputs = n_posterior_outputs(family, latent_dim)
    decoder = MLP(latent_dim, likelihood.n_outputs * n_features, hidden=(6,), activation="tanh", key=keys[1])
    encoder = MLP(n_inputs, n_outputs, hidden=(6,), activation="tanh", key=keys[0])
    return VAE(
        prior=StandardNormal(latent_dim),
        encoder=GaussianEncoder(encoder, latent_dim, family, with_mask=False),
        decoder=Decoder(decoder, (likelihood.n_outputs, n_features)),
        likelihood=likelihood,
    )


@eqx.filter_jit
def _log_joints(model, datum, z):
    return jax.vmap(lambda z: model.log_joint(datum, z))(z)


def quadrature(model, datum):
    """Log of the integral of p(x, z) over z, by the trapezoid rule (spectrally accurate here)."""
    n, end = (2001, 9.0) if model.latent_dim == 1 else (161, 8.0)
    grid = np.linspace(-end, end, n)
    z = np.stack(np.meshgrid(*[grid] * model.latent_dim, indexing="ij"), axis=-1).reshape(-1, model.latent_dim)
    log_joint = np.asarray(_log_joints(model, datum, jnp.asarray(z, float)), np.float64)
    return logsumexp(log_joint) + model.latent_dim * np.log(grid[1] - grid[0])


# The exactly solvable case


@pytest.mark.parametrize(("n_features", "latent_dim"), [(5, 2), (4, 1), (6, 3)])
@pytest.mark.parametrize("noise", ["feature", "fixed"])
def test_every_single_draw_of_the_exact_posterior_gives_log_p_of_x(n_features, latent_dim, noise):
    truth = linear_gaussian(n_features, latent_dim, equal_noise=noise == "fixed")
    X = truth.sample(4, seed=1) * 1.5
    with jax.enable_x64(True):
        model = truth.vae(noise=noise)
        for x, exact in zip(datums_of(X), truth.log_evidence(X), strict=True):
            draws = draws_of(model, x, jax.random.key(0), 100)
            np.testing.assert_allclose(draws.log_weight, exact, rtol=1e-9)
    # In float32 the three terms, each of the size of the squared residuals, leave their rounding.
    model = truth.vae(noise=noise)
    for x, exact in zip(datums_of(X), truth.log_evidence(X), strict=True):
        draws = draws_of(model, x, jax.random.key(0), 100)
        np.testing.assert_allclose(draws.log_weight, exact, rtol=2e-5)


def test_draws_carry_the_three_densities_of_the_textbook():
    truth = linear_gaussian()
    X = truth.sample(3, seed=2)
    for family in ("full", "diagonal"):
        model = truth.vae(family=family, shift=0.3, stretch=1.2)
        for x, datum in zip(X, datums_of(X), strict=True):
            draws, q = draws_of(model, datum, jax.random.key(1), 50), model.posterior(datum)
            z = np.asarray(draws.z, float)
            np.testing.assert_allclose(draws.log_prior, norm.logpdf(z).sum(axis=1), rtol=1e-5)
            means = z @ truth.weight.T + truth.bias
            np.testing.assert_allclose(draws.log_likelihood, norm(means, truth.scale).logpdf(x).sum(axis=1), rtol=2e-5)
            log_q = multivariate_normal(np.asarray(q.mean), np.asarray(q.covariance(), float)).logpdf(z)
            np.testing.assert_allclose(draws.log_posterior, log_q, atol=2e-4)


@pytest.mark.parametrize("family", ["full", "diagonal"])
def test_elbo_terms_average_to_log_p_of_x_less_the_gap(family):
    truth = linear_gaussian()
    model = truth.vae(family=family)
    gap = 0.0 if family == "full" else truth.diagonal_gap()
    X = truth.sample(3, seed=3)
    keys = jax.random.split(jax.random.key(2), 4000)
    terms_of = eqx.filter_jit(lambda datum: jax.vmap(lambda key: model.elbo_terms(datum, key=key))(keys))
    for datum, exact in zip(datums_of(X), truth.log_evidence(X), strict=True):
        terms = terms_of(datum)
        bounds = np.asarray(terms.log_likelihood - terms.kl.sum(axis=-1), float)
        assert np.std(bounds) > 0
        assert abs(bounds.mean() - (exact - gap)) < 4.5 * bounds.std() / np.sqrt(len(bounds))


def test_the_best_diagonal_posterior_leaves_the_closed_form_gap():
    truth = linear_gaussian()
    X = truth.sample(3, seed=4)
    with jax.enable_x64(True):
        model = truth.vae(family="diagonal")
        np.testing.assert_allclose(posterior_gap(model, X), truth.diagonal_gap(), rtol=1e-9)
        for shift, stretch in ((0.01, 1.0), (0.0, 1.02), (0.0, 0.98)):
            assert posterior_gap(truth.vae(family="diagonal", shift=shift, stretch=stretch), X) > truth.diagonal_gap()
        np.testing.assert_allclose(posterior_gap(truth.vae(), X), 0, atol=1e-10)


def test_the_fixture_reads_back():
    truth = linear_gaussian()
    for part, expected in zip(vars(read_back(truth.vae())).values(), vars(truth).values(), strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-5)


def test_log_joint_is_the_brute_force_joint():
    truth = linear_gaussian()
    W, b, s = truth.weight, truth.bias, truth.scale
    joint = multivariate_normal(np.concatenate([b, np.zeros(2)]), np.block([[truth.covariance, W], [W.T, np.eye(2)]]))
    X, Z = truth.sample(20, seed=5), np.random.default_rng(5).normal(size=(20, 2))
    model = truth.vae()
    found = jax.vmap(lambda x, z: model.log_joint(Datum(x), z))(jnp.asarray(X, float), jnp.asarray(Z, float))
    np.testing.assert_allclose(found, joint.logpdf(np.concatenate([X, Z], axis=1)), rtol=2e-5)
    assert s.min() > 0


# Missing cells


def test_missing_cells_are_marginalized_exactly():
    truth = linear_gaussian()
    X = truth.sample(4, seed=6)
    with jax.enable_x64(True):
        model = truth.vae(observed=PATTERN)
        for datum, exact in zip(datums_of(X, PATTERN), truth.log_evidence(X, PATTERN), strict=True):
            draws = draws_of(model, datum, jax.random.key(3), 50)
            np.testing.assert_allclose(draws.log_weight, exact, rtol=1e-9)


def test_quadrature_over_z_gives_the_marginal_of_the_observed_cells():
    truth = linear_gaussian()
    X = truth.sample(2, seed=7)
    model = truth.vae()
    for datum, exact in zip(datums_of(X, PATTERN), truth.log_evidence(X, PATTERN), strict=True):
        np.testing.assert_allclose(quadrature(model, datum), exact, rtol=1e-5)


# Other likelihoods


@pytest.mark.parametrize("latent_dim", [1, 2])
@pytest.mark.parametrize(
    "likelihood",
    [Bernoulli(), Categorical(np.array(3), 3), Poisson(), NetworkScaleGaussian()],
    ids=lambda part: type(part).__name__,
)
def test_importance_sampling_finds_the_integral_of_log_joint(likelihood, latent_dim):
    model = nonlinear(likelihood, 4, latent_dim, family="full" if latent_dim == 2 else "diagonal")
    x = Datum(jnp.array([1.0, 0.0, 1.0, 1.0]))
    missing = Datum(jnp.array([1.0, 0.0, 0.0, 1.0]), jnp.array([True, True, False, True]))
    for datum in (x, missing):
        log_weights = np.asarray(draws_of(model, datum, jax.random.key(4), 20_000).log_weight, np.float64)
        weights = np.exp(log_weights - log_weights.max())
        error = weights.std() / weights.mean() / np.sqrt(len(weights))
        assert error < 0.05
        estimate = np.log(weights.mean()) + log_weights.max()
        assert abs(estimate - quadrature(model, datum)) < 4.5 * error


def all_codes(n_categories, n_features):
    return list(itertools.product(range(n_categories), repeat=n_features))


@pytest.mark.parametrize("likelihood", [Bernoulli(), Categorical(np.array(3), 3)], ids=lambda part: type(part).__name__)
def test_masses_of_all_data_add_to_one_and_samples_follow_them(likelihood):
    n_categories = 3 if isinstance(likelihood, Categorical) else 2
    model = nonlinear(likelihood, 3, 1, seed=5)
    codes = all_codes(n_categories, 3)
    masses = np.exp([quadrature(model, Datum(jnp.array(code, float))) for code in codes])
    np.testing.assert_allclose(masses.sum(), 1, rtol=1e-5)
    keys = jax.random.split(jax.random.key(5), 10_000)
    x, _ = jax.jit(jax.vmap(lambda key: model.sample(key=key)))(keys)
    powers = n_categories ** np.arange(2, -1, -1)
    counts = np.bincount((np.asarray(x) @ powers).astype(int), minlength=len(codes))
    assert chisquare(counts, masses / masses.sum() * len(keys)).pvalue > 1e-3


def test_samples_have_the_moments_of_the_marginal():
    truth, n = linear_gaussian(), 20_000
    model = truth.vae()
    x, z = jax.jit(jax.vmap(lambda key: model.sample(key=key)))(jax.random.split(jax.random.key(6), n))
    x, z = np.asarray(x, float), np.asarray(z, float)
    joint = np.concatenate([x - truth.bias, z], axis=1)
    W = truth.weight
    expected = np.block([[truth.covariance, W], [W.T, np.eye(2)]])
    variance = np.diag(expected)
    assert np.abs(joint.mean(axis=0) / np.sqrt(variance / n)).max() < 4.5
    error = np.sqrt((np.outer(variance, variance) + expected**2) / n)
    assert np.abs((joint.T @ joint / n - expected) / error).max() < 4.5


# The way into latent space and back


def test_encode_and_decode_are_the_means():
    truth = linear_gaussian()
    x = truth.sample(1, seed=8)[0]
    model = truth.vae()
    z = truth.posterior_map() @ (x - truth.bias)
    np.testing.assert_allclose(model.encode(Datum(jnp.asarray(x, float))), z, rtol=1e-4)
    np.testing.assert_allclose(model.decode(jnp.asarray(z, float)), truth.weight @ z + truth.bias, rtol=1e-4)
    covariance = model.posterior(Datum(jnp.asarray(x, float))).covariance()
    np.testing.assert_allclose(covariance, np.linalg.inv(truth.precision()), rtol=1e-4)
    assert model.latent_dim == 2


def test_images_fold_through_the_decoder():
    model = nonlinear(Categorical(np.array(3), 3), 6, 2)
    model = eqx.tree_at(lambda m: m.decoder, model, Decoder(model.decoder.network, (3, 2, 3)))
    image = jnp.arange(6.0).reshape(2, 3) % 3
    assert model.decode(model.encode(Datum(image))).shape == (2, 3)
    flat = model.decoder.network(jnp.ones(2))
    np.testing.assert_array_equal(model.decoder(jnp.ones(2)), np.asarray(flat).reshape(3, 2, 3))
