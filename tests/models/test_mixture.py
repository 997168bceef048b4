"""Mixtures beyond what every exact model promises (``test_model.py``): responsibilities, and the code of cluster and factors."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from lowerbound.data.datum import Datum
from lowerbound.models.mixture import Mixture
from tests.gaussians import factor_analyzer, mixture, mixture_of, random_patterns, textbook

KINDS = {"diagonal": mixture(), "no factors": mixture(latent_dim=0, seed=2), "full": mixture(noise="full", seed=3)}
every_kind = pytest.mark.parametrize("kind", KINDS)
X = 2 * np.random.default_rng(0).normal(size=(8, 5))
OBSERVED = random_patterns(8, 5)


@pytest.fixture(autouse=True)
def double():
    """64-bit arithmetic in every test."""
    with jax.enable_x64(True):
        yield


def of_rows(function, model, X=X, observed=OBSERVED):
    """function(model, datum) of every row, in NumPy."""
    said = eqx.filter_jit(lambda model, X, observed: jax.vmap(lambda x, o: function(model, Datum(x, o)))(X, observed))
    return jax.tree.map(np.asarray, said(model, X, observed))


@every_kind
def test_responsibilities_are_bayes_rule(kind):
    found = of_rows(lambda model, datum: model.log_responsibility(datum), KINDS[kind])
    expected = [textbook(KINDS[kind]).responsibility(x, seen) for x, seen in zip(X, OBSERVED, strict=True)]
    np.testing.assert_allclose(np.exp(found), expected, atol=1e-9)
    np.testing.assert_allclose(np.exp(found[1]), np.exp(KINDS[kind].log_weight), atol=1e-12)  # nothing observed
    assert np.min(np.max(np.exp(found), axis=1)) < 0.9  # some rows do not know


def test_codes_hold_responsibilities_and_weighted_factors():
    model = KINDS["diagonal"]
    codes = of_rows(lambda model, datum: model.encode(datum), model)
    factors = of_rows(lambda model, datum: jax.vmap(lambda part: part.encode(datum))(model.components), model)
    assert model.latent_dim == codes.shape[1] == 3 * (1 + 2)
    for x, seen, code, own in zip(X, OBSERVED, codes, factors, strict=True):
        r = textbook(model).responsibility(x, seen)
        np.testing.assert_allclose(code, np.concatenate([r, (r[:, None] * own).ravel()]), atol=1e-9)


@every_kind
def test_the_decoded_code_is_the_expected_mean_of_x(kind):
    model = KINDS[kind]
    decoded = of_rows(lambda model, datum: model.decode(model.encode(datum)), model)
    codes = of_rows(lambda model, datum: model.encode(datum), model)
    for code, found in zip(codes, decoded, strict=True):
        r, weighted = code[:3], code[3:].reshape(3, -1)
        expected = r @ model.components.mean
        if kind == "diagonal":
            expected = expected + np.einsum("kdl,kl->d", model.components.loadings, weighted)
        np.testing.assert_allclose(found, expected, atol=1e-12)


@every_kind
def test_draws_are_one_cluster_and_its_factors(kind):
    model, n, row = KINDS[kind], 3000, 3
    keys = jax.random.split(jax.random.key(0), n)
    datum = Datum(jnp.asarray(X[row]), jnp.asarray(OBSERVED[row]))
    codes = np.asarray(
        eqx.filter_jit(lambda m, d, k: jax.vmap(lambda key: m.draw(d, key=key).z)(k))(model, datum, keys)
    )
    y, factors = codes[:, :3], codes[:, 3:].reshape(n, 3, -1)
    np.testing.assert_array_equal(np.sort(y, axis=1), np.tile([0.0, 0.0, 1.0], (n, 1)))
    np.testing.assert_array_equal(factors[y == 0], 0)
    assert np.all(factors[y == 1] != 0)
    r = textbook(model).responsibility(X[row], OBSERVED[row])
    assert r.min() * n > 5
    assert chisquare(y.sum(axis=0), r * n).pvalue > 1e-3


def test_labels_of_samples_follow_the_weights():
    model, n = KINDS["diagonal"], 5000
    keys = jax.random.split(jax.random.key(1), n)
    x, codes = eqx.filter_jit(lambda m, k: jax.vmap(lambda key: m.sample(key=key))(k))(model, keys)
    codes = np.asarray(codes)
    assert chisquare(codes[:, :3].sum(axis=0), np.exp(model.log_weight) * n).pvalue > 1e-3
    # The code that came with x is the one that made it: what is left is the noise of its cluster.
    label = codes[:, :3].argmax(axis=1)
    decoded = jax.jit(jax.vmap(model.decode))(jnp.asarray(codes))
    whitened = (np.asarray(x) - np.asarray(decoded)) / np.exp(0.5 * model.components.log_variance[label])
    assert abs(np.mean(whitened**2) - 1) < 5 * np.sqrt(2 / whitened.size)


@every_kind
def test_the_divergence_is_that_of_clusters_and_then_of_factors(kind):
    model = KINDS[kind]
    kl = of_rows(lambda model, datum: model.elbo_terms(datum, key=jax.random.key(0)).kl, model)
    n_factors = model.components.latent_dim
    assert kl.shape == (8, 1 + n_factors)
    for i, (x, seen) in enumerate(zip(X, OBSERVED, strict=True)):
        r = textbook(model).responsibility(x, seen)
        np.testing.assert_allclose(kl[i, 0], np.sum(r * (np.log(r) - model.log_weight)), atol=1e-9)
        of_factors = 0.0
        for k in range(3 if n_factors else 0):
            W, psi = model.components.loadings[k][seen], np.exp(model.components.log_variance[k][seen])
            S = np.linalg.inv(np.eye(n_factors) + W.T @ (W / psi[:, None]))
            m = S @ W.T @ ((x - model.components.mean[k])[seen] / psi)
            of_factors += r[k] * 0.5 * (np.trace(S) + m @ m - n_factors - np.linalg.slogdet(S)[1])
        np.testing.assert_allclose(kl[i, 1:].sum(), of_factors, atol=1e-9)


def verdicts(model, datum):
    return model.log_evidence(datum), model.decode(model.encode(datum))


def test_one_cluster_is_its_component():
    part = factor_analyzer()
    both = of_rows(verdicts, mixture_of(part)), of_rows(verdicts, part)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), *both)


def test_the_order_of_clusters_does_not_show():
    model, order = KINDS["diagonal"], np.array([2, 0, 1])
    turned = jax.tree.map(lambda leaf: leaf[order], model)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), of_rows(verdicts, model), of_rows(verdicts, turned)
    )


@every_kind
def test_far_away_rows_stay_finite_with_their_gradients(kind):
    far = np.array([1e6, -1e6, 0, 0, 1e6])
    datum, key = Datum(jnp.asarray(far)), jax.random.key(0)

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def evidence(model):
        return model.log_evidence(datum)

    value, gradient = evidence(jax.tree.map(jnp.asarray, KINDS[kind]))
    assert value < -1e10
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    draws = eqx.filter_jit(lambda model: (model.elbo_terms(datum, key=key), model.draw(datum, key=key)))
    terms, draw = draws(KINDS[kind])
    np.testing.assert_allclose(terms.log_likelihood - terms.kl.sum(), value, rtol=1e-3)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(draw))


def test_a_cluster_without_weight_takes_nothing_away():
    model = KINDS["diagonal"]
    light = Mixture(np.array([0.0, -1000.0, -2000.0]), model.components)
    one = jax.tree.map(lambda leaf: leaf[0], model.components)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-9), of_rows(verdicts, light), of_rows(verdicts, one)
    )
    terms = of_rows(lambda model, datum: model.elbo_terms(datum, key=jax.random.key(0)), light)
    assert np.isfinite(terms.kl).all()
    assert np.isfinite(terms.log_likelihood).all()
