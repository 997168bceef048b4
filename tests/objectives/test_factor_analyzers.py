"""E-step and M-step of factor analyzers: against loops over rows, and the stationary point that the M-step has to be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.models.linear_gaussian import LinearGaussian
from lowerbound.models.mixture import Mixture
from lowerbound.objectives.factor_analyzers import FactorAnalyzersEM
from tests.gaussians import FLOOR, chunk_of, mixture, noise_of, random_patterns, textbook

N_ROWS, N_FEATURES = 40, 5
KINDS = {
    "diagonal": mixture(2, N_FEATURES, 2, seed=1),
    "isotropic": mixture(2, N_FEATURES, 2, noise="isotropic", seed=2),
    "no factors": mixture(3, N_FEATURES, 0, seed=3),
    "one cluster": mixture(1, N_FEATURES, 3, seed=4),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def double():
    """64-bit arithmetic in every test."""
    with jax.enable_x64(True):
        yield


def rows(model, *, holes=True, seed=0):
    """Rows, few patterns of holes among them, and weights."""
    rng = np.random.default_rng(seed)
    X = 0.8 * textbook(model).sample(N_ROWS, seed=seed)[0]
    patterns = random_patterns(7, N_FEATURES, seed=seed)
    observed = patterns[rng.integers(0, 7, N_ROWS)] if holes else np.ones((N_ROWS, N_FEATURES), bool)
    return X, observed, rng.integers(0, 4, N_ROWS).astype(float)


def posteriors(model, x, seen):
    """r, m and A^-1 of every cluster, by the textbook's inverses."""
    part, psi = model.components, noise_of(model.components)
    found = []
    for k, r in enumerate(textbook(model).responsibility(x, seen)):
        W = part.loadings[k][seen]
        covariance = np.linalg.inv(np.eye(part.latent_dim) + W.T @ (W / psi[k][seen][:, None]))
        found.append((r, covariance @ W.T @ ((x - part.mean[k])[seen] / psi[k][seen]), covariance))
    return found


def slow_twin(model, X, observed, weight):
    """Every sum of the E-step, a row and a cell at a time."""
    n_clusters, n_features, latent_dim = model.components.loadings.shape
    augmented = latent_dim + 1
    sums = {
        "log_evidence": weight @ textbook(model).log_evidence(X, observed),
        "weight": weight.sum(),
        "factors": np.zeros((n_clusters, augmented, augmented)),
        "second": np.zeros((n_clusters, n_features, augmented, augmented)),
        "cross": np.zeros((n_clusters, n_features, augmented)),
        "square": np.zeros((n_clusters, n_features)),
    }
    for x, seen, w in zip(X, observed, weight, strict=True):
        for k, (r, mean, covariance) in enumerate(posteriors(model, x, seen)):
            zeta = np.append(mean, 1.0)
            second = np.outer(zeta, zeta)
            second[:latent_dim, :latent_dim] += covariance
            sums["factors"][k] += w * r * second
            for j in np.flatnonzero(seen):
                sums["second"][k, j] += w * r * second
                sums["cross"][k, j] += w * r * x[j] * zeta
                sums["square"][k, j] += w * r * x[j] ** 2
    return sums


@jax.jit
def statistics(model, chunk):
    return FactorAnalyzersEM(shared_noise=False).statistics(model, chunk)


def maximize(model, found, *, shared_noise=False):
    return jax.tree.map(np.asarray, FactorAnalyzersEM(shared_noise=shared_noise).maximize(model, found))


@every_kind
@pytest.mark.parametrize("form", ["none", "indexed", "own"])
def test_statistics_are_the_sums_of_a_loop_over_rows(kind, form):
    model = KINDS[kind]
    X, observed, weight = rows(model, holes=form != "none")
    found = statistics(model, chunk_of(X, observed, weight, form=form))
    for name, expected in slow_twin(model, X, observed, weight).items():
        given = np.asarray(getattr(found, name))
        if name == "second" and form == "none":
            assert given.shape[1] == 1  # the cells share it
            given = np.broadcast_to(given, expected.shape)
        np.testing.assert_allclose(given, expected, atol=1e-9, err_msg=name)


def test_chunks_add_up():
    model = KINDS["diagonal"]
    X, observed, weight = rows(model)
    whole = statistics(model, chunk_of(X, observed, weight))
    halves = [statistics(model, chunk_of(X[i::2], observed[i::2], weight[i::2])) for i in (0, 1)]
    jax.tree.map(lambda a, b, c: np.testing.assert_allclose(a + b, c, atol=1e-10), *halves, whole)


# The M-step


def expected_log_joint(free, X, observed, weight, given):
    """E[log p(x_observed, y, z)] under the posteriors r, m, S of each row, the factors' own prior N(nu, R R^T) included."""
    log_weight, means, loadings, log_variance, nu, root = free
    r, m, S = given
    log_variance = jnp.broadcast_to(log_variance.reshape(len(log_variance), -1), means.shape)
    second = S + m[..., :, None] * m[..., None, :]
    error = X[:, None] - means - jnp.einsum("kdl,nkl->nkd", loadings, m)
    error = error**2 + jnp.einsum("kdl,nklm,kdm->nkd", loadings, S, loadings)
    cells = jnp.where(observed[:, None], -0.5 * (log_variance + error * jnp.exp(-log_variance)), 0.0)
    off = second - 2 * m[..., :, None] * nu[:, None, :] + nu[:, :, None] * nu[:, None, :]
    precision = jnp.linalg.inv(root @ jnp.swapaxes(root, 1, 2))
    prior = -jnp.sum(jnp.log(jnp.abs(jnp.diagonal(root, axis1=1, axis2=2))), axis=1)
    prior = prior - 0.5 * jnp.einsum("klm,nkml->nk", precision, off)
    return jnp.sum(weight[:, None] * r * (jax.nn.log_softmax(log_weight) + cells.sum(axis=-1) + prior))


def expanded(better, found, *, shared_noise):
    """The M-step's parameters before nu and Phi = R R^T are absorbed: W* = W R^-1, mu* = mu - W* nu."""
    moments = np.asarray(found.factors) / np.asarray(found.factors)[:, -1:, -1:]
    nu = moments[:, :-1, -1]
    root = np.linalg.cholesky(moments[:, :-1, :-1] - nu[:, :, None] * nu[:, None, :])
    part = better.components
    loadings = part.loadings @ np.linalg.inv(root)
    log_variance = part.log_variance[:1] if shared_noise else part.log_variance
    return better.log_weight, part.mean - np.einsum("kdl,kl->kd", loadings, nu), loadings, log_variance, nu, root


@pytest.mark.parametrize("shared_noise", [False, True], ids=["own", "shared"])
@pytest.mark.parametrize("kind", ["diagonal", "isotropic", "no factors"])
def test_the_m_step_is_the_maximum_of_the_expected_log_joint(kind, shared_noise):
    model = KINDS[kind]
    X, observed, weight = rows(model)
    found = statistics(model, chunk_of(X, observed, weight))
    better = maximize(model, found, shared_noise=shared_noise)
    if shared_noise:
        np.testing.assert_array_equal(better.components.log_variance[1:], better.components.log_variance[:-1])
    posterior = [zip(*posteriors(model, x, seen), strict=True) for x, seen in zip(X, observed, strict=True)]
    given = tuple(np.array(part) for part in zip(*map(tuple, posterior), strict=True))
    objective = jax.jit(jax.value_and_grad(expected_log_joint))
    best = expanded(better, found, shared_noise=shared_noise)
    value, gradient = objective(best, X, observed, weight, given)
    for name, part in zip(("weights", "means", "loadings", "noise", "nu"), gradient[:-1], strict=True):
        np.testing.assert_allclose(part, 0, atol=1e-7, err_msg=name)
    np.testing.assert_allclose(np.tril(gradient[-1]), 0, atol=1e-7)
    rng = np.random.default_rng(1)
    for _ in range(5):
        elsewhere = [leaf + 0.05 * rng.normal(size=leaf.shape) for leaf in best[:-1]]
        moved = best[-1] + 0.05 * np.tril(rng.normal(size=best[-1].shape))
        assert objective((*elsewhere, moved), X, observed, weight, given)[0] < value


def test_absorbed_factors_leave_the_density_of_the_expanded_model():
    model = KINDS["diagonal"]
    found = statistics(model, chunk_of(*rows(model)))
    better = maximize(model, found)
    _, means, loadings, log_variance, nu, root = expanded(better, found, shared_noise=False)
    factors = loadings @ root
    covariance = factors @ factors.transpose(0, 2, 1) + np.stack([np.diag(np.exp(one)) for one in log_variance])
    np.testing.assert_allclose(textbook(better).covariance, covariance, rtol=1e-12)
    np.testing.assert_allclose(textbook(better).mean, means + np.einsum("kdl,kl->kd", loadings, nu), rtol=1e-12)


def test_one_step_from_a_poor_start_gains_much():
    model = KINDS["diagonal"]
    X, observed, weight = rows(model)
    poor = Mixture(model.log_weight, jax.tree.map(lambda leaf: leaf + 0.5, model.components))
    chunk = chunk_of(X, observed, weight)
    before = statistics(poor, chunk)
    after = statistics(maximize(poor, before), chunk)
    assert after.log_evidence > before.log_evidence + 10


# What the rows do not say


def with_dead_cluster(model):
    """The last cluster too far away for any row."""
    mean = model.components.mean.copy()
    mean[-1] += 1e4
    part = model.components
    return Mixture(model.log_weight, LinearGaussian(mean, part.loadings, part.log_variance, FLOOR, part.event_shape))


@every_kind
def test_a_cluster_without_rows_stays_as_it_was(kind):
    model = mixture(2, N_FEATURES, 3, seed=4) if kind == "one cluster" else KINDS[kind]
    dead = with_dead_cluster(model)
    X, observed, weight = rows(model)
    keep = observed.any(axis=1)  # a row without cells belongs to every cluster
    better = maximize(dead, statistics(dead, chunk_of(X[keep], observed[keep], weight[keep])))
    for part, before in zip(jax.tree.leaves(better.components), jax.tree.leaves(dead.components), strict=True):
        np.testing.assert_array_equal(part[-1], before[-1])
        assert np.all(part[0] != before[0]) or part[0].size == 0
    assert np.exp(better.log_weight[-1]) < 1e-8
    np.testing.assert_allclose(np.exp(better.log_weight).sum(), 1, rtol=1e-12)


@pytest.mark.parametrize("kind", ["diagonal", "isotropic"])
def test_a_cell_that_nobody_saw_stays_as_it_was(kind):
    model = KINDS[kind]
    X, observed, weight = rows(model)
    observed[:, 2] = False
    better = maximize(model, statistics(model, chunk_of(X, observed, weight))).components
    np.testing.assert_array_equal(better.mean[:, 2], model.components.mean[:, 2])
    np.testing.assert_array_equal(better.loadings[:, 2], model.components.loadings[:, 2])
    if kind == "diagonal":
        np.testing.assert_array_equal(better.log_variance[:, 2], model.components.log_variance[:, 2])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(better))


def test_rows_without_weight_say_nothing():
    model = KINDS["diagonal"]
    X, observed, weight = rows(model)
    padded = chunk_of(np.vstack([X, 1e3 + X]), np.vstack([observed, observed]), np.append(weight, np.zeros(N_ROWS)))
    one, other = statistics(model, chunk_of(X, observed, weight)), statistics(model, padded)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-9), one, other)


@pytest.mark.parametrize("kind", ["diagonal", "isotropic"])
def test_noise_is_kept_at_its_floor(kind):
    # Two factors and three rows: nothing is left for the noise.
    model = KINDS[kind]
    X = textbook(model).sample(3, seed=1)[0]
    for _ in range(100):
        model = maximize(model, statistics(model, chunk_of(X)))
    log_variance = model.components.log_variance
    assert log_variance.min() == np.log(FLOOR)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(model))


# Free parameters


@every_kind
def test_free_parameters_are_all_of_the_model(kind):
    problem, model = FactorAnalyzersEM(shared_noise=False), KINDS[kind]
    again = problem.with_unconstrained(model, problem.unconstrained(model))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-14), model, again)


def test_overstepped_bounds_are_brought_back():
    problem, model = FactorAnalyzersEM(shared_noise=False), KINDS["diagonal"]
    log_weight, mean, loadings, log_variance = problem.unconstrained(model)
    back = problem.with_unconstrained(model, (log_weight + 3.0, mean, loadings, log_variance - 30.0))
    np.testing.assert_allclose(back.log_weight, log_weight, atol=1e-12)
    np.testing.assert_array_equal(back.components.log_variance, np.full(log_variance.shape, np.log(FLOOR)))
