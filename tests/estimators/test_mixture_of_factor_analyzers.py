"""Mixtures against scikit-learn's GaussianMixture, Bayes' rule by matrices, and clusters that are known."""

from functools import cache

import jax
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from lowerbound import PPCA, FactorAnalysis, MixtureOfFactorAnalyzers
from tests.estimators.exact_models import in_user_units

KINDS = {
    "diagonal": {"latent_dim": 0},
    "isotropic": {"latent_dim": 0, "noise": "isotropic"},
    "full": {"latent_dim": 0, "noise": "full"},
    "full shared": {"latent_dim": 0, "noise": "full", "shared_noise": True},
    "isotropic shared": {"latent_dim": 0, "noise": "isotropic", "shared_noise": True},
    "factors": {"latent_dim": 1},
    "factors shared": {"latent_dim": 1, "shared_noise": True},
    "isotropic factors": {"latent_dim": 1, "noise": "isotropic"},
}
SKLEARN = {"diagonal": "diag", "isotropic": "spherical", "full": "full", "full shared": "tied"}
WEIGHTS = np.array([0.5, 0.3, 0.2])


@cache
def simulated(distance=8.0):
    """Three clusters of correlated rows, and the cluster of each, numbered by falling weight."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0, 1, 2], [60, 36, 24]))
    centres = distance * np.array([[0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 0, -1]])
    directions = rng.normal(size=(3, 4))
    X = centres[labels] + rng.normal(size=(120, 1)) * directions[labels] + rng.normal(size=(120, 4))
    return X, labels


@cache
def fitted(kind):
    return MixtureOfFactorAnalyzers(3, random_state=0, tol=1e-9, max_iter=5000, **KINDS[kind]).fit(simulated()[0])


# ---- clusters


@pytest.mark.parametrize("kind", KINDS)
def test_separated_clusters_are_found_and_numbered_by_weight(kind):
    X, labels = simulated()
    mixture = fitted(kind)
    np.testing.assert_array_equal(mixture.predict(X), labels)
    np.testing.assert_allclose(mixture.weights_, WEIGHTS, atol=1e-3)
    means = np.stack([X[labels == k].mean(axis=0) for k in range(3)])
    np.testing.assert_allclose(mixture.means_, means, atol=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_responsibilities_are_bayes_rule(kind):
    X = np.random.default_rng(1).normal(4, 4, size=(50, 4))
    mixture = fitted(kind)
    truth, seen = in_user_units(mixture), np.ones(4, bool)
    found = mixture.predict_proba(X)
    np.testing.assert_allclose(found, [truth.responsibility(x, seen) for x in X], atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(mixture.predict(X), found.argmax(axis=1))
    np.testing.assert_allclose(mixture.score_samples(X), truth.log_evidence(X, np.ones(X.shape, bool)), rtol=1e-10)
    assert np.all(np.diff(mixture.weights_) <= 0)
    assert mixture.weights_.sum() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("kind", SKLEARN)
def test_scikit_learn_finds_no_better_fit_from_here(kind):
    X, _ = simulated(3.0)  # clusters that overlap: responsibilities are soft
    ours = MixtureOfFactorAnalyzers(
        3, random_state=0, n_init=5, tol=1e-10, max_iter=5000, noise_floor=1e-7, **KINDS[kind]
    ).fit(X)
    assert np.mean(ours.predict_proba(X).max(axis=1) < 0.99) > 0.1
    covariance = in_user_units(ours).covariance
    inverse = {
        "diag": 1 / np.diagonal(covariance, axis1=1, axis2=2),
        "spherical": 1 / covariance[:, 0, 0],
        "full": np.linalg.inv(covariance),
        "tied": np.linalg.inv(covariance[0]),
    }[SKLEARN[kind]]
    theirs = GaussianMixture(
        3,
        covariance_type=SKLEARN[kind],
        reg_covar=0,
        tol=1e-9,
        max_iter=1000,
        weights_init=ours.weights_,
        means_init=ours.means_,
        precisions_init=inverse,
    ).fit(X)
    assert ours.score(X) == pytest.approx(theirs.score(X), abs=1e-6)
    np.testing.assert_allclose(ours.means_, theirs.means_, atol=1e-3)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-3)
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), atol=1e-3)
    assert ours.n_parameters_ == theirs._n_parameters()


@pytest.mark.parametrize("noise", ["diagonal", "isotropic"])
def test_one_cluster_is_factor_analysis_or_ppca(noise):
    X, _ = simulated(3.0)
    options = {"tol": 1e-10, "max_iter": 5000}
    one = MixtureOfFactorAnalyzers(1, latent_dim=2, noise=noise, noise_floor=1e-6, **options).fit(X)
    plain = FactorAnalysis(2, noise_floor=1e-6, **options) if noise == "diagonal" else PPCA(2)
    plain.fit(X)
    assert one.objective_ == pytest.approx(plain.objective_, abs=1e-6)
    np.testing.assert_allclose(in_user_units(one).covariance, in_user_units(plain).covariance, atol=0.02)
    np.testing.assert_array_equal(one.predict(X), 0)
    assert one.n_parameters_ == plain.n_parameters_


@pytest.mark.parametrize("kind", KINDS)
def test_shared_noise_is_the_same_in_all_clusters(kind):
    part = fitted(kind).model_.components
    noise = part.cholesky if "full" in kind else part.log_variance
    assert (np.ptp(noise, axis=0).max() < 1e-12) == ("shared" in kind)


def test_more_freedom_is_a_higher_likelihood():
    score = {kind: -fitted(kind).objective_ for kind in KINDS}
    assert score["isotropic shared"] < score["isotropic"] < score["diagonal"] < score["factors"] < score["full"]
    assert score["full shared"] < score["full"]
    assert score["isotropic"] < score["isotropic factors"] < score["factors"]
    assert score["factors shared"] < score["factors"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_history_rises(kind):
    assert np.all(np.diff(fitted(kind).history_["log_evidence"]) >= -1e-10)
    assert fitted(kind).status_.code == "converged"
    assert fitted(kind).status_.notes == ()


def test_several_starts_are_at_least_as_good_as_most_single_ones():
    rng = np.random.default_rng(0)
    X = 6 * rng.normal(size=(8, 2))[rng.integers(0, 8, 200)] + rng.normal(size=(200, 2))
    singles = [MixtureOfFactorAnalyzers(8, latent_dim=0, random_state=seed).fit(X).objective_ for seed in range(8)]
    several = MixtureOfFactorAnalyzers(8, latent_dim=0, n_init=8, random_state=0).fit(X).objective_
    assert np.ptp(singles) > 0.01  # the start matters
    assert several < np.median(singles)


# ---- codes: clusters and their factors


@pytest.mark.parametrize("kind", ["factors", "diagonal", "full"])
def test_samples_carry_their_cluster_as_a_one_hot_code(kind):
    mixture, n = fitted(kind), 5000
    x, code = mixture.sample(n, random_state=0, return_latents=True)
    one_hot, factors = code[:, :3], code[:, 3:].reshape(n, 3, KINDS[kind]["latent_dim"])
    np.testing.assert_array_equal(np.sort(one_hot, axis=1), np.tile([0.0, 0.0, 1.0], (n, 1)))
    labels = one_hot.argmax(axis=1)
    z = (np.bincount(labels) - n * mixture.weights_) / np.sqrt(n * mixture.weights_ * (1 - mixture.weights_))
    assert np.abs(z).max() < 4
    np.testing.assert_array_equal(factors[one_hot == 0], 0)
    truth = in_user_units(mixture)
    for k in range(3):
        own, C = x[labels == k], truth.covariance[k]
        z = (own.mean(axis=0) - truth.mean[k]) / np.sqrt(np.diag(C) / len(own))
        assert np.abs(z).max() < 4.5
        np.testing.assert_allclose(np.cov(own.T), C, atol=0.25 * np.abs(C).max())
        if factors.size:
            np.testing.assert_allclose(factors[labels == k, k].var(axis=0), 1, atol=0.2)
    assert np.mean(mixture.predict(x) == labels) > 0.99
    np.testing.assert_array_equal(mixture.sample(n, random_state=0), x)


def test_codes_are_responsibilities_and_weighted_factors():
    X, mixture = np.random.default_rng(1).normal(4, 4, size=(50, 4)), fitted("factors")
    code, weight, truth = mixture.transform(X), mixture.predict_proba(X), in_user_units(mixture)
    assert code.shape == (50, 6)
    np.testing.assert_allclose(code[:, :3], weight, rtol=1e-12)
    scale = mixture.preprocessing_.scale
    for k in range(3):
        loadings = mixture.model_.components.loadings[k] * scale[:, None]
        factors = (X - truth.mean[k]) @ np.linalg.inv(truth.covariance[k]) @ loadings
        np.testing.assert_allclose(code[:, 3 + k], weight[:, k] * factors[:, 0], atol=1e-9)
        alone = np.zeros((1, 6))
        alone[0, k], alone[0, 3 + k] = 1, 2.5
        np.testing.assert_allclose(mixture.inverse_transform(alone)[0], truth.mean[k] + 2.5 * loadings[:, 0])
    np.testing.assert_allclose(mixture.inverse_transform(code), mixture.reconstruct(X), rtol=1e-10)


def test_posterior_draws_are_clusters_by_their_responsibilities():
    X, _ = simulated()
    between = X[:2].mean(axis=0, keepdims=True) + np.array([[4.0, 0, 4.0, 0]])
    mixture = fitted("factors")
    drawn = mixture.sample_posterior(between, 4000, random_state=0)[0]
    labels = drawn[:, :3].argmax(axis=1)
    share = mixture.predict_proba(between)[0]
    assert np.abs(np.bincount(labels, minlength=3) / 4000 - share).max() < 0.04
    np.testing.assert_allclose(drawn.mean(axis=0), mixture.transform(between)[0], atol=0.1)


def test_a_mixture_clusters_as_well_as_its_labels_say():
    X, labels = simulated(3.0)
    mixture = MixtureOfFactorAnalyzers(3, latent_dim=1, n_init=5, random_state=0).fit(X)
    assert adjusted_rand_score(labels, mixture.predict(X)) > 0.5


# ---- hyperparameters


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": "full"}, r"latent_dim of Mix\w+ must be 0 for noise='full', .* got 2\. Set latent_dim=0"),
        ({"latent_dim": 5}, r"latent_dim of Mix\w+ must be at most n_features = 4; got 5\."),
        ({"n_clusters": 121}, r"n_clusters of Mix\w+ must be at most .* n_samples = 120; got 121\."),
    ],
)
def test_sizes_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        MixtureOfFactorAnalyzers(**options).fit(simulated()[0])


def test_the_verbs_of_one_gaussian_are_absent():
    with pytest.raises(AttributeError) as caught:
        fitted("full").posterior(simulated()[0])
    assert "Use transform and sample_posterior" in str(caught.value)


def test_standardized_columns_are_for_isotropic_noise():
    X, _ = simulated()
    unit = X.std(axis=0)
    options = {"latent_dim": 1, "noise": "isotropic", "random_state": 0}
    one = MixtureOfFactorAnalyzers(3, standardize=True, **options).fit(X)
    other = MixtureOfFactorAnalyzers(3, **options).fit(X / unit)
    assert one.objective_ == pytest.approx(other.objective_ + np.log(unit).sum(), abs=1e-5)


def test_parameters_are_numpy_float64():
    assert {(type(leaf), leaf.dtype) for leaf in jax.tree.leaves(fitted("factors").model_)} == {
        (np.ndarray, np.dtype(np.float64))
    }
