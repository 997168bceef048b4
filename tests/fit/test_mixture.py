"""Fits of mixtures: the best of several starts, and lost clusters that get new rows."""

import equinox as eqx
import jax
import numpy as np
import pytest

from lowerbound.fit.em import fit_em
from lowerbound.fit.mixture import fit_mixture, revived
from lowerbound.gaussians.mixture import lost_clusters
from lowerbound.models.mixture import Mixture
from lowerbound.objectives.factor_analyzers import FactorAnalyzersEM
from lowerbound.objectives.full_gaussians import FullGaussiansEM
from tests.gaussians import chunk_of, factor_analyzer, full_gaussian, mixture, mixture_of, stack, textbook

RNG = np.random.default_rng(0)
X = np.concatenate([c + RNG.normal(size=(60, 2)) for c in ([-6.0, 0.0], [6.0, 0.0], [0.0, 8.0])])
DATA = stack(chunk_of(X))
OPTIONS = {"tol": 1e-8, "max_iter": 300, "n_rows": len(X)}


def problem_of(noise):
    return (FullGaussiansEM if noise == "full" else FactorAnalyzersEM)(shared_noise=False)


def standing_at(*means, noise="diagonal", latent_dim=0):
    """A mixture of equal, wide clusters at the given means."""
    part = full_gaussian(2) if noise == "full" else factor_analyzer(2, latent_dim, noise=noise)
    model = mixture_of(*[part] * len(means))
    model = eqx.tree_at(lambda m: m.components.mean, model, np.array(means, float))
    return Mixture(np.full(len(means), -np.log(len(means))), model.components)


def fit(starts, noise="diagonal", **changed):
    own = {"total_weight": float(len(X)), "latent_dim": starts[0].components.latent_dim, "verbose": False}
    options = OPTIONS | own | changed
    return fit_mixture(problem_of(noise), starts, DATA, **options)


GOOD = [[-5.0, 0.0], [5.0, 1.0], [0.0, 7.0]]
LOST = [[-5.0, 0.0], [3.0, 4.0], [1e4, 1e4]]


def lost_of(model, total_weight):
    return lost_clusters(model.log_weight, total_weight=float(total_weight), latent_dim=model.components.latent_dim)


@pytest.mark.parametrize(
    ("noise", "latent_dim"), [("diagonal", 0), ("isotropic", 1), ("full", 0)], ids=["diagonal", "factors", "full"]
)
def test_a_cluster_without_rows_is_revived(noise, latent_dim):
    bad = standing_at(*LOST, noise=noise, latent_dim=latent_dim)
    alone = fit_em(problem_of(noise), bad, DATA, **OPTIONS)
    assert lost_of(alone.model, len(X)).tolist() == [False, False, True]
    result = fit([bad], noise)
    best = fit([standing_at(*GOOD, noise=noise, latent_dim=latent_dim)], noise)
    assert result.objective < alone.objective - 0.3
    np.testing.assert_allclose(result.objective, best.objective, atol=1e-4)
    assert not lost_of(result.model, len(X)).any()
    assert result.steps > alone.steps
    for history in (result.history["log_evidence"], alone.history["log_evidence"]):
        assert np.diff(history).min() >= -1e-9
    assert result.objective == result.history["loss"].min()
    reached = textbook(result.model).log_evidence(X, np.ones(X.shape, bool)).mean()
    np.testing.assert_allclose(-result.objective, reached, rtol=1e-10)


def test_a_revival_that_gains_nothing_is_dropped():
    # One heap of three rows apart from nothing: two clusters are one too many, whatever is done about it.
    bad = standing_at([0.0, 0.0], [1e4, 1e4])
    data = stack(chunk_of(np.array([[0.0, 0.0], [1.0, 1.0], [-1.0, 1.0]])))
    alone = fit_em(problem_of("diagonal"), bad, data, tol=1e-8, max_iter=300, n_rows=3)
    result = fit_mixture(
        problem_of("diagonal"),
        [bad],
        data,
        total_weight=3.0,
        latent_dim=0,
        tol=1e-8,
        max_iter=300,
        n_rows=3,
        verbose=False,
    )
    assert result.objective <= alone.objective
    assert np.diff(result.history["log_evidence"]).min() >= -1e-9


def test_the_better_of_two_starts_is_finished():
    poor, good = standing_at([-6.0, 0.0], [-6.0, 0.1], [-6.0, -0.1]), standing_at(*GOOD)
    alone = fit([good])
    for starts in ([poor, good], [good, poor]):
        result = fit(starts)
        np.testing.assert_allclose(result.objective, alone.objective, atol=1e-6)
        assert len(result.history["loss"]) < len(alone.history["loss"]) + 3  # it goes on from where the short run ended


@pytest.mark.parametrize("max_iter", [1, 4])
def test_short_fits_are_as_short_as_asked_for(max_iter):
    result = fit([standing_at(*GOOD), standing_at(*LOST)], max_iter=max_iter)
    assert len(result.history["loss"]) == max_iter


def test_clusters_are_lost_below_the_rows_that_tell_a_spread():
    for latent_dim, fewest in ((0, 2), (3, 5)):
        model = mixture(3, 4, latent_dim)
        counts = np.array([fewest - 0.1, fewest + 0.1, 100.0])
        model = Mixture(np.log(counts / counts.sum()), model.components)
        assert lost_of(model, counts.sum()).tolist() == [True, False, False]
    full = mixture(2, 4, noise="full")
    full = Mixture(np.log([1.9 / 50, 48.1 / 50]), full.components)
    assert lost_of(full, 50.0).tolist() == [True, False]


@pytest.mark.parametrize(("noise", "latent_dim"), [("diagonal", 0), ("diagonal", 2), ("isotropic", 1), ("full", 0)])
def test_the_heaviest_cluster_is_halved_along_its_widest_direction(noise, latent_dim):
    model = mixture(3, 4, latent_dim, noise=noise)
    model = Mixture(np.log([0.01, 0.3, 0.69]), model.components)
    given = jax.tree.map(np.copy, model)
    again = revived(model, np.array([True, False, False]))
    jax.tree.map(np.testing.assert_array_equal, model, given)  # the old one is left alone
    np.testing.assert_allclose(np.exp(again.log_weight), np.array([0.345, 0.3, 0.345]) / 0.99, rtol=1e-9)
    np.testing.assert_array_equal(again.components.mean[1], model.components.mean[1])
    np.testing.assert_allclose(again.components.mean[[0, 2]].mean(axis=0), model.components.mean[2], atol=1e-12)
    np.testing.assert_array_equal(textbook(again).covariance[0], textbook(model).covariance[2])
    step = 0.5 * (again.components.mean[0] - again.components.mean[2])
    C = textbook(model).covariance[2]
    along = step @ C @ step / (step @ step)  # the variance in that direction
    assert along >= np.diag(C).max() - 1e-9 or latent_dim > 0
    assert along > np.trace(C) / 4
    if noise == "full":
        np.testing.assert_allclose(along, np.linalg.eigvalsh(C)[-1], rtol=1e-9)
        np.testing.assert_allclose(step @ step, 0.25 * along, rtol=1e-9)


def test_two_lost_clusters_share_what_there_is():
    model = Mixture(np.log([1e-9, 0.9, 0.1, 1e-9]), mixture(4, 3, 1).components)
    again = revived(model, np.array([True, False, False, True]))
    np.testing.assert_allclose(np.exp(again.log_weight).sum(), 1)
    np.testing.assert_allclose(np.sort(np.exp(again.log_weight)), [0.1, 0.225, 0.225, 0.45], rtol=1e-6)
    assert len(np.unique(again.components.mean, axis=0)) == 4
