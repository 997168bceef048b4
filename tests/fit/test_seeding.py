"""Starts of mixtures: what k-means++ must not depend on, what it must find, and moments of the starts by loops over rows."""

import jax
import numpy as np
import pytest

from lowerbound.data.dataset import hash_rows
from lowerbound.fit.seeding import StartingRows, initial_mixture, kmeans_plus_plus, sorted_by_hash
from tests.gaussians import FLOOR, random_patterns, textbook

RNG = np.random.default_rng(0)
CENTRES = np.array([[0.0, 0.0, 0.0], [20.0, 0.0, 0.0], [0.0, 20.0, 0.0], [0.0, 0.0, 20.0]])
X = np.repeat(CENTRES, 30, axis=0) + RNG.normal(size=(120, 3)) * [1.0, 0.5, 2.0]
X[:60] += RNG.normal(size=(60, 1))
OBSERVED = random_patterns(120, 3, share=0.2)


def sample_of(X, *, weight=None, observed=None):
    weight = np.ones(len(X)) if weight is None else weight
    holes = X if observed is None else np.where(observed, X, np.nan)
    values = X if observed is None else np.where(observed, X, 0.0)
    return sorted_by_hash(StartingRows(values, observed, np.asarray(weight, float), hash_rows(holes)))


def begin(sample, n_clusters=4, *, latent_dim=1, noise="diagonal", seed=0, event_shape=(3,)):
    return initial_mixture(
        sample, n_clusters, latent_dim=latent_dim, noise=noise, variance_floor=FLOOR, event_shape=event_shape,
        generator=np.random.default_rng(seed),
    )  # fmt: skip


KINDS = [("diagonal", 1), ("isotropic", 2), ("diagonal", 0), ("full", 0)]
every_kind = pytest.mark.parametrize(("noise", "latent_dim"), KINDS)


def assert_same(one, other):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12), one, other)


@every_kind
@pytest.mark.parametrize("observed", [None, OBSERVED], ids=["complete", "holes"])
def test_the_order_of_rows_does_not_show(noise, latent_dim, observed):
    order = np.random.default_rng(1).permutation(120)
    turned = sample_of(X[order], observed=None if observed is None else observed[order])
    for seed in range(3):
        options = {"noise": noise, "latent_dim": latent_dim, "seed": seed}
        assert_same(begin(sample_of(X, observed=observed), **options), begin(turned, **options))


@every_kind
@pytest.mark.parametrize("observed", [None, OBSERVED], ids=["complete", "holes"])
def test_a_weight_is_so_many_rows(noise, latent_dim, observed):
    weight = np.random.default_rng(2).integers(1, 4, 120)
    repeated = sample_of(
        np.repeat(X, weight, axis=0), observed=None if observed is None else np.repeat(observed, weight, axis=0)
    )
    for seed in range(3):
        options = {"noise": noise, "latent_dim": latent_dim, "seed": seed}
        assert_same(begin(sample_of(X, weight=weight, observed=observed), **options), begin(repeated, **options))


def test_centres_are_rows_and_labels_the_nearest_of_them():
    sample = sample_of(X)
    for seed in range(5):
        centres, label = kmeans_plus_plus(sample, 6, generator=np.random.default_rng(seed))
        assert all((centre == X).all(axis=1).any() for centre in centres)
        distance = np.square(sample.values[:, None] - centres).sum(axis=2)
        np.testing.assert_array_equal(label, distance.argmin(axis=1))


def test_every_far_cluster_gets_a_centre():
    for seed in range(20):
        centres, _ = kmeans_plus_plus(sample_of(X), 4, generator=np.random.default_rng(seed))
        nearest = np.square(centres[:, None] - CENTRES).sum(axis=2).argmin(axis=1)
        assert set(nearest) == {0, 1, 2, 3}


def test_the_first_centre_is_drawn_by_weight():
    weight = np.where(np.arange(120) < 30, 3.0, 1.0)
    sample = sample_of(X, weight=weight)
    firsts = np.array([kmeans_plus_plus(sample, 1, generator=np.random.default_rng(s))[0][0] for s in range(400)])
    share = np.mean(np.square(firsts[:, None] - CENTRES).sum(axis=2).argmin(axis=1) == 0)
    assert abs(share - 0.5) < 4.5 * 0.5 / np.sqrt(400)


def test_rows_without_weight_are_no_centres():
    weight = np.where(np.arange(120) < 90, 1.0, 0.0)  # not the last cluster
    for seed in range(10):
        centres, _ = kmeans_plus_plus(sample_of(X, weight=weight), 6, generator=np.random.default_rng(seed))
        assert centres[:, 2].max() < 10


def test_distances_are_means_over_observed_cells():
    sample = sample_of(X, observed=OBSERVED)
    for seed in range(5):
        centres, label = kmeans_plus_plus(sample, 6, generator=np.random.default_rng(seed))
        for x, seen, found in zip(sample.values, sample.observed, label, strict=True):
            distance = [np.mean(np.square(x - centre)[seen]) if seen.any() else 0.0 for centre in centres]
            np.testing.assert_allclose(distance[found], min(distance), atol=1e-9)


def test_fewer_distinct_rows_than_clusters_repeat():
    few = np.repeat(X[[0, 40]], 5, axis=0)
    centres, label = kmeans_plus_plus(sample_of(few), 4, generator=np.random.default_rng(0))
    assert all((centre == few).all(axis=1).any() for centre in centres)
    assert len(np.unique(label)) == 2
    model = begin(sample_of(few))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(model))
    np.testing.assert_allclose(np.exp(model.log_weight).sum(), 1)


@every_kind
def test_clusters_start_at_the_means_of_their_rows_with_the_pooled_spread(noise, latent_dim):
    weight = np.random.default_rng(3).uniform(0.5, 2, 120)
    sample = sample_of(X, weight=weight)
    model = begin(sample, noise=noise, latent_dim=latent_dim)
    label = np.square(sample.values[:, None] - CENTRES).sum(axis=2).argmin(axis=1)
    own = np.square(model.components.mean[:, None] - CENTRES).sum(axis=2).argmin(axis=1)
    pooled = np.zeros((3, 3))
    for k, cluster in enumerate(own):
        mine = label == cluster
        mean = sample.weight[mine] @ sample.values[mine] / sample.weight[mine].sum()
        np.testing.assert_allclose(model.components.mean[k], mean, rtol=1e-12)
        np.testing.assert_allclose(np.exp(model.log_weight[k]), sample.weight[mine].sum() / weight.sum(), rtol=1e-12)
        off = sample.values[mine] - mean
        pooled += (off * sample.weight[mine][:, None]).T @ off / weight.sum()
    found = textbook(model).covariance
    np.testing.assert_array_equal(found, np.tile(found[:1], (4, 1, 1)))
    if noise == "isotropic":
        np.testing.assert_allclose(np.trace(found[0]), np.trace(pooled), rtol=1e-9)
    elif noise == "full":
        np.testing.assert_allclose(found[0], pooled + 0.01 * np.diag(np.diag(pooled)), rtol=1e-9)
    else:
        np.testing.assert_allclose(np.diag(found[0]), np.diag(pooled), rtol=1e-9)
    if latent_dim == 1:
        axis = np.linalg.eigh(pooled)[1][:, -1]
        loadings = model.components.loadings[0, :, 0]
        np.testing.assert_allclose(abs(loadings @ axis), np.linalg.norm(loadings), rtol=1e-9)


def test_fewer_rows_than_columns_find_the_same_axes():
    wide = RNG.normal(size=(12, 40)) * np.linspace(1, 3, 40)
    few = begin(sample_of(wide), 2, latent_dim=3, event_shape=(40,))
    many = begin(sample_of(np.repeat(wide, 4, axis=0)), 2, latent_dim=3, event_shape=(40,))
    np.testing.assert_allclose(few.components.mean, many.components.mean, atol=1e-9)
    np.testing.assert_allclose(textbook(few).covariance, textbook(many).covariance, rtol=0, atol=1e-6)
    more_factors_than_rows = begin(sample_of(wide), 2, latent_dim=20, event_shape=(40,))
    assert more_factors_than_rows.components.loadings.shape == (2, 40, 20)
    assert np.isfinite(more_factors_than_rows.components.loadings).all()
