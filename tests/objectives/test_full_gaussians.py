"""E-step and M-step of full covariances: against loops over rows, and the stationary point that the M-step has to be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.models.full_gaussian import FullGaussian
from lowerbound.models.mixture import Mixture
from lowerbound.objectives.full_gaussians import FullGaussiansEM
from tests.gaussians import FLOOR, chunk_of, mixture, random_patterns, textbook

N_ROWS, N_FEATURES = 40, 4
MODEL = mixture(2, N_FEATURES, noise="full", seed=1)


@pytest.fixture(autouse=True)
def double():
    """64-bit arithmetic in every test."""
    with jax.enable_x64(True):
        yield


def rows(*, holes=True, seed=0):
    """Rows, few patterns of holes among them, and weights."""
    rng = np.random.default_rng(seed)
    X = textbook(MODEL).sample(N_ROWS, seed=seed)[0]
    patterns = random_patterns(6, N_FEATURES, seed=seed)
    observed = patterns[rng.integers(0, 6, N_ROWS)] if holes else np.ones((N_ROWS, N_FEATURES), bool)
    return X, observed, rng.integers(0, 4, N_ROWS).astype(float)


def posteriors(model, x, seen):
    """r, and the mean and covariance of the whole row given its observed cells, of every cluster."""
    truth, found = textbook(model), []
    for k, r in enumerate(truth.responsibility(x, seen)):
        mean, covariance = x.copy(), np.zeros((len(x), len(x)))
        if not seen.all():
            mean[~seen], covariance[np.ix_(~seen, ~seen)] = truth.conditional(x, seen, k)
        found.append((r, mean, covariance))
    return found


def slow_twin(model, X, observed, weight):
    """Every sum of the E-step, a row at a time."""
    n_clusters, d = model.components.mean.shape
    sums = {
        "log_evidence": weight @ textbook(model).log_evidence(X, observed),
        "weight": weight.sum(),
        "count": np.zeros(n_clusters),
        "first": np.zeros((n_clusters, d)),
        "second": np.zeros((n_clusters, d, d)),
    }
    for x, seen, w in zip(X, observed, weight, strict=True):
        for k, (r, mean, covariance) in enumerate(posteriors(model, x, seen)):
            sums["count"][k] += w * r
            sums["first"][k] += w * r * mean
            sums["second"][k] += w * r * (np.outer(mean, mean) + covariance)
    return sums


@jax.jit
def statistics(model, chunk):
    return FullGaussiansEM(shared_noise=False).statistics(model, chunk)


def maximize(model, found, *, shared_noise=False):
    return jax.tree.map(np.asarray, FullGaussiansEM(shared_noise=shared_noise).maximize(model, found))


@pytest.mark.parametrize("form", ["none", "indexed", "own"])
def test_statistics_are_the_sums_of_a_loop_over_rows(form):
    X, observed, weight = rows(holes=form != "none")
    found = statistics(MODEL, chunk_of(X, observed, weight, form=form))
    for name, expected in slow_twin(MODEL, X, observed, weight).items():
        np.testing.assert_allclose(getattr(found, name), expected, atol=1e-9, err_msg=name)


def expected_log_joint(free, log_weight, X, weight, given):
    """E[log p(x, y)] of whole rows under the posteriors r, x^, V of each."""
    means, roots = free
    r, filled, V = given
    off = filled - means
    precision = jnp.linalg.inv(roots @ jnp.swapaxes(roots, 1, 2))
    log_root = jnp.sum(jnp.log(jnp.abs(jnp.diagonal(roots, axis1=1, axis2=2))), axis=1)
    quadratic = jnp.einsum("kij,nkij->nk", precision, V + off[..., :, None] * off[..., None, :])
    return jnp.sum(weight[:, None] * r * (jax.nn.log_softmax(log_weight) - log_root - 0.5 * quadratic))


@pytest.mark.parametrize("shared_noise", [False, True], ids=["own", "shared"])
def test_the_m_step_is_the_maximum_of_the_expected_log_joint(shared_noise):
    X, observed, weight = rows()
    better = maximize(MODEL, statistics(MODEL, chunk_of(X, observed, weight)), shared_noise=shared_noise)
    posterior = [zip(*posteriors(MODEL, x, seen), strict=True) for x, seen in zip(X, observed, strict=True)]
    given = tuple(np.array(part) for part in zip(*map(tuple, posterior), strict=True))
    mean, root = better.components.mean, better.components.cholesky
    np.testing.assert_array_equal(root, np.tril(root))
    if shared_noise:
        np.testing.assert_array_equal(root[0], root[1])
    objective = jax.jit(
        jax.value_and_grad(lambda free, *rest: expected_log_joint(free[:2], free[2], *rest))
    )  # fmt: skip
    best = (mean, root[:1] if shared_noise else root, better.log_weight)
    value, gradient = objective(best, X, weight, given)
    np.testing.assert_allclose(gradient[0], 0, atol=1e-8)
    np.testing.assert_allclose(np.tril(gradient[1]), 0, atol=1e-8)
    np.testing.assert_allclose(gradient[2], 0, atol=1e-8)
    rng = np.random.default_rng(1)
    for _ in range(5):
        mean, root, log_weight = (leaf + 0.05 * rng.normal(size=leaf.shape) for leaf in best)
        assert objective((mean, np.tril(root), log_weight), X, weight, given)[0] < value


def test_a_cluster_without_rows_stays_as_it_was():
    mean = MODEL.components.mean.copy()
    mean[1] += 1e4
    dead = Mixture(MODEL.log_weight, FullGaussian(mean, MODEL.components.cholesky, FLOOR, (N_FEATURES,)))
    X, observed, weight = rows()
    keep = observed.any(axis=1)  # a row without cells belongs to every cluster
    better = maximize(dead, statistics(dead, chunk_of(X[keep], observed[keep], weight[keep])))
    np.testing.assert_array_equal(better.components.mean[1], mean[1])
    np.testing.assert_array_equal(better.components.cholesky[1], MODEL.components.cholesky[1])
    assert np.all(better.components.mean[0] != mean[0])
    assert np.exp(better.log_weight[1]) < 1e-8


def test_eigenvalues_are_kept_at_their_floor():
    # Three rows in four dimensions span two of them: the best covariance with eigenvalues above the floor shares the axes.
    X = textbook(MODEL).sample(3, seed=5)[0]
    one = Mixture(np.zeros(1), jax.tree.map(lambda leaf: leaf[:1], MODEL.components))
    better = maximize(one, statistics(one, chunk_of(X)))
    found, raw = textbook(better).covariance[0], np.cov(X.T, bias=True)
    values, axes = np.linalg.eigh(raw)
    assert (values[:2] < 1e-12).all()
    np.testing.assert_allclose(found, (axes * np.maximum(values, FLOOR)) @ axes.T, atol=1e-12)
    np.testing.assert_allclose(better.components.mean[0], X.mean(axis=0), rtol=1e-12)


def test_free_parameters_go_round_and_overstepped_bounds_are_brought_back():
    problem = FullGaussiansEM(shared_noise=False)
    again = problem.with_unconstrained(MODEL, problem.unconstrained(MODEL))
    np.testing.assert_allclose(textbook(again).covariance, textbook(MODEL).covariance, atol=1e-12)
    np.testing.assert_array_equal(again.components.mean, MODEL.components.mean)
    np.testing.assert_allclose(again.log_weight, MODEL.log_weight, atol=1e-12)
    log_weight, mean, root = problem.unconstrained(MODEL)
    back = problem.with_unconstrained(MODEL, (log_weight + 2.0, mean, root * 1e-6))
    np.testing.assert_allclose(textbook(back).covariance, np.tile(FLOOR * np.eye(N_FEATURES), (2, 1, 1)), atol=1e-14)
    np.testing.assert_allclose(back.log_weight, log_weight, atol=1e-12)
