"""PPCA against eigenvectors written out, the textbook's matrices, and scikit-learn's PCA.

scikit-learn divides its covariance by n - 1, maximum likelihood by n: the two agree once that is taken out.
"""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from lowerbound import PPCA
from lowerbound.interface import linear_gaussian, weighted_rows
from tests.estimators.exact_models import in_user_units

IRIS = load_iris().data
COVARIANCE = np.cov(IRIS.T, bias=True)


def wide(n_rows=20, n_features=60):
    return np.random.default_rng(0).normal(size=(n_rows, n_features)) * np.linspace(0.5, 3, n_features)


def covariance_of(ppca):
    return in_user_units(ppca).covariance[0]


# ---- the maximum of the likelihood


@pytest.mark.parametrize("latent_dim", [1, 2, 3])
def test_parameters_are_eigenvalues_and_eigenvectors(latent_dim):
    values, vectors = np.linalg.eigh(COVARIANCE)
    ppca = PPCA(latent_dim).fit(IRIS)
    noise = values[: 4 - latent_dim].mean()
    np.testing.assert_allclose(ppca.noise_variance_, noise, rtol=1e-10)
    axes = vectors[:, ::-1][:, :latent_dim] * np.sqrt(values[::-1][:latent_dim] - noise)
    np.testing.assert_allclose(np.abs(ppca.loadings_), np.abs(axes), atol=1e-10)
    assert np.all(ppca.loadings_[np.abs(ppca.loadings_).argmax(axis=0), np.arange(latent_dim)] > 0)
    np.testing.assert_allclose(ppca.mean_, IRIS.mean(axis=0), rtol=1e-12)
    assert (ppca.status_.code, ppca.n_iter_) == ("closed_form", 1)


def _start_anywhere(self, axes):
    """Instead of principal axes, which are where the fit ends."""
    loadings = np.random.default_rng(0).normal(size=(len(axes.vectors), int(self.latent_dim)))
    return self._density(loadings, np.zeros(()))


@pytest.mark.parametrize("over_rows", [False, True], ids=["over the covariance", "over the rows"])
@pytest.mark.parametrize("standardize", [False, True])
def test_expectation_maximization_from_anywhere_reaches_the_closed_form(standardize, over_rows, monkeypatch):
    closed = PPCA(2, standardize=standardize).fit(IRIS)
    monkeypatch.setattr(linear_gaussian.LinearGaussianEstimator, "_initial", _start_anywhere)
    if over_rows:
        monkeypatch.setattr(weighted_rows.WeightedRows, "by_covariance", False)
    learned = PPCA(2, method="em", standardize=standardize, tol=1e-11).fit(IRIS)
    assert learned.objective_ == pytest.approx(closed.objective_, abs=1e-8)
    np.testing.assert_allclose(learned.loadings_, closed.loadings_, atol=1e-3)
    np.testing.assert_allclose(learned.noise_variance_, closed.noise_variance_, rtol=1e-3)
    assert learned.status_.code == "converged"
    assert np.all(np.diff(learned.history_["log_evidence"]) >= -1e-12)
    assert learned.history_["log_evidence"][0] < -closed.objective_ - 0.1  # it began elsewhere


def test_few_steps_are_not_enough(monkeypatch):
    monkeypatch.setattr(linear_gaussian.LinearGaussianEstimator, "_initial", _start_anywhere)
    with pytest.warns(ConvergenceWarning, match="stopped after max_iter = 2 iterations"):
        learned = PPCA(2, method="em", max_iter=2).fit(IRIS)
    assert learned.status_.code == "max_iter"
    assert learned.objective_ > PPCA(2).fit(IRIS).objective_ + 1e-3


def test_expectation_maximization_begins_where_it_ends():
    learned = PPCA(2, method="em").fit(IRIS)
    assert learned.objective_ == pytest.approx(PPCA(2).fit(IRIS).objective_, abs=1e-12)


@pytest.mark.parametrize("latent_dim", [1, 2, 3])
def test_scikit_learn_agrees_but_for_its_covariance(latent_dim):
    ppca, pca = PPCA(latent_dim).fit(IRIS), PCA(latent_dim).fit(IRIS)
    n = len(IRIS)
    np.testing.assert_allclose(covariance_of(ppca), pca.get_covariance() * (n - 1) / n, atol=1e-12)
    np.testing.assert_allclose(ppca.explained_variance_ratio_, pca.explained_variance_ratio_, rtol=1e-10)
    theirs = multivariate_normal(pca.mean_, pca.get_covariance() * (n - 1) / n).logpdf(IRIS)
    np.testing.assert_allclose(ppca.score_samples(IRIS), theirs, atol=1e-10)
    assert pca.score(IRIS) < ppca.score(IRIS) < pca.score(IRIS) + 1e-4  # n - 1 is not the maximum


@pytest.mark.parametrize("largest_covariance", [4096, 10], ids=["covariance", "inner products of rows"])
def test_more_columns_than_rows(largest_covariance, monkeypatch):
    monkeypatch.setattr(weighted_rows, "_LARGEST_COVARIANCE", largest_covariance)
    X = wide()
    ppca = PPCA(3).fit(X)
    values, vectors = np.linalg.eigh(np.cov(X.T, bias=True))
    noise = values[:-3].mean()  # 19 of the 57 are not zero
    truth = vectors[:, -3:] @ np.diag(values[-3:] - noise) @ vectors[:, -3:].T + noise * np.eye(60)
    np.testing.assert_allclose(covariance_of(ppca), truth, atol=1e-10)
    assert -ppca.objective_ == pytest.approx(multivariate_normal(X.mean(axis=0), truth).logpdf(X).mean(), abs=1e-8)


def test_as_many_components_as_columns_is_the_covariance():
    ppca = PPCA(4).fit(IRIS)
    np.testing.assert_allclose(covariance_of(ppca), COVARIANCE, atol=1e-10)


# ---- units


def test_standardized_columns_are_pca_of_correlations():
    scale = IRIS.std(axis=0)
    ppca, plain = PPCA(2, standardize=True).fit(IRIS), PPCA(2).fit(IRIS / scale)
    np.testing.assert_allclose(ppca.loadings_ / scale[:, None], plain.loadings_, atol=1e-10)
    np.testing.assert_allclose(ppca.noise_variance_, plain.noise_variance_ * scale**2, rtol=1e-10)
    np.testing.assert_allclose(ppca.transform(IRIS), plain.transform(IRIS / scale), atol=1e-10)
    np.testing.assert_allclose(
        ppca.score_samples(IRIS), plain.score_samples(IRIS / scale) - np.log(scale).sum(), atol=1e-10
    )
    assert ppca.objective_ == pytest.approx(-ppca.score(IRIS), abs=1e-10)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_a_change_of_units_shifts_log_p_by_its_logarithm(scale):
    plain, scaled = PPCA(2).fit(IRIS), PPCA(2).fit(scale * IRIS)
    np.testing.assert_allclose(
        scaled.score_samples(scale * IRIS), plain.score_samples(IRIS) - 4 * np.log(scale), rtol=1e-10
    )
    np.testing.assert_allclose(scaled.transform(scale * IRIS), plain.transform(IRIS), atol=1e-9)
    np.testing.assert_allclose(scaled.loadings_ / scale, plain.loadings_, rtol=1e-9)


def test_dequantized_levels_have_the_noise_of_their_bins():
    rng = np.random.default_rng(0)
    grey = np.clip(np.round(100 + 30 * rng.normal(size=(400, 1)) + 3 * rng.normal(size=(400, 6))), 0, 255)
    grey = grey.astype(np.uint8)
    ppca = PPCA(1, dequantize=True, random_state=0).fit(grey)
    plain = PPCA(1).fit(grey.astype(float))
    np.testing.assert_allclose(ppca.mean_, plain.mean_ + 0.5, atol=0.05)
    np.testing.assert_allclose(ppca.noise_variance_, plain.noise_variance_ + 1 / 12, rtol=0.02)
    np.testing.assert_allclose(ppca.reconstruct(grey), plain.reconstruct(grey.astype(float)), atol=0.5)
    drawn = ppca.sample(50)
    np.testing.assert_array_equal(drawn, np.floor(drawn))
    assert ppca.base_measure_ != plain.base_measure_
    assert ppca.score(grey) == pytest.approx(plain.score(grey.astype(float)), abs=0.1)
    with pytest.raises(ValueError, match="must hold integer grey levels 0 to 255"):
        PPCA(dequantize=True).fit(IRIS)


# ---- verbs


def test_the_posterior_is_that_of_the_textbook():
    ppca = PPCA(2).fit(IRIS)
    W, variance = ppca.loadings_, ppca.noise_variance_
    M = W.T @ W + variance * np.eye(2)
    posterior = ppca.posterior(IRIS)
    np.testing.assert_allclose(posterior.mean, (IRIS - ppca.mean_) @ W @ np.linalg.inv(M), atol=1e-10)
    np.testing.assert_allclose(
        posterior.covariance, np.tile(variance * np.linalg.inv(M), (len(IRIS), 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(ppca.reconstruct(IRIS), ppca.mean_ + posterior.mean @ W.T, atol=1e-10)
    np.testing.assert_allclose(ppca.inverse_transform(posterior.mean), ppca.reconstruct(IRIS), atol=1e-12)


def test_samples_have_the_mean_and_covariance_of_the_model():
    ppca, n = PPCA(2).fit(IRIS), 20_000
    x, z = ppca.sample(n, random_state=0, return_latents=True)
    for drawn, mean, covariance in ((x, ppca.mean_, covariance_of(ppca)), (z, np.zeros(2), np.eye(2))):
        deviation = drawn - mean
        products = deviation[:, :, None] * deviation[:, None, :]
        z_of_mean = deviation.mean(axis=0) / np.sqrt(np.diag(covariance) / n)
        z_of_covariance = (products.mean(axis=0) - covariance) / (products.std(axis=0) / np.sqrt(n))
        assert np.abs(z_of_mean).max() < 4.5
        assert np.abs(z_of_covariance).max() < 4.5
    noise = x - ppca.inverse_transform(z)
    np.testing.assert_allclose(noise.var(axis=0), ppca.noise_variance_, rtol=0.05)


def test_numbers_about_the_fit():
    ppca = PPCA(2).fit(IRIS)
    assert ppca.n_parameters_ == 4 + (4 * 2 - 1) + 1
    assert ppca.fit_seconds_ > 0
    health = ppca.health(IRIS)
    assert health.active_units == 2
