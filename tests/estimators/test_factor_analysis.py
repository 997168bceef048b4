"""Factor analysis against scikit-learn's, and its rotated and oblique factors against matrices written out."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.datasets import load_iris
from sklearn.decomposition import FactorAnalysis as SklearnFactorAnalysis
from sklearn.exceptions import ConvergenceWarning

from lowerbound import FactorAnalysis
from tests.estimators.exact_models import in_user_units

N_ROWS, N_FEATURES, N_FACTORS = 300, 8, 3


def simulated():
    """Rows with a simple structure: each column loads on one factor, and the factors are correlated."""
    rng = np.random.default_rng(0)
    pattern = np.zeros((N_FEATURES, N_FACTORS))
    pattern[np.arange(N_FEATURES), [0, 0, 0, 1, 1, 1, 2, 2]] = rng.uniform(0.7, 2.0, N_FEATURES)
    correlation = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, 0.0], [0.2, 0.0, 1.0]])
    factors = rng.multivariate_normal(np.zeros(3), correlation, size=N_ROWS)
    X = factors @ pattern.T + rng.normal(size=(N_ROWS, N_FEATURES)) * rng.uniform(0.5, 1.0, N_FEATURES)
    return X * np.array([1, 10, 1, 0.1, 1, 5, 1, 2]) + np.arange(N_FEATURES)


X = simulated()
ROTATIONS = (None, "varimax", "quartimax", "promax")
FITTED = {}


def fitted(rotation=None):
    if rotation not in FITTED:
        FITTED[rotation] = FactorAnalysis(N_FACTORS, rotation=rotation, tol=1e-10, max_iter=5000).fit(X)
    return FITTED[rotation]


# ---- the maximum of the likelihood


def test_scikit_learn_reaches_the_same_maximum():
    ours = fitted()
    theirs = SklearnFactorAnalysis(N_FACTORS, tol=1e-5, max_iter=20_000, svd_method="lapack").fit(X)
    assert theirs.score(X) - 1e-6 <= ours.score(X) <= theirs.score(X) + 2e-4  # it stops short, ours does not
    scale = X.std(axis=0)
    np.testing.assert_allclose(
        in_user_units(ours).covariance[0] / scale / scale[:, None],
        theirs.get_covariance() / scale / scale[:, None],
        rtol=0,
        atol=1e-3,
    )
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), atol=0.01)


def test_the_fitted_covariance_has_the_variances_of_the_data():
    # A stationary point of the likelihood has them exactly (Lawley and Maxwell): a fit cut short has not.
    def share(fa):
        return np.abs(np.diag(in_user_units(fa).covariance[0]) / X.var(axis=0) - 1).max()

    assert share(fitted()) < 1e-5
    assert fitted().status_.code == "converged"
    with pytest.warns(ConvergenceWarning, match="stopped after max_iter = 2 iterations"):
        cut_short = FactorAnalysis(N_FACTORS, max_iter=2).fit(X)
    assert cut_short.objective_ > fitted().objective_ + 1e-6


def test_units_do_not_matter():
    scale = np.array([1e-6, 1e6, 1, 10, 100, 0.1, 1e3, 3])
    scaled = FactorAnalysis(N_FACTORS, tol=1e-10, max_iter=5000).fit(X * scale)
    np.testing.assert_allclose(scaled.loadings_ / scale[:, None], fitted().loadings_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        scaled.score_samples(X * scale), fitted().score_samples(X) - np.log(scale).sum(), atol=1e-7
    )


def test_noise_at_its_floor_is_named():
    iris = load_iris().data
    fa = FactorAnalysis(1, noise_floor=1e-4).fit(iris)
    assert fa.noise_variance_[2] == pytest.approx(1e-4 * iris[:, 2].var(), rel=1e-6)
    assert "The noise variance of 1 feature (2) rests on its floor, noise_floor = 0.0001" in fa.status_.notes[0]
    assert "Heywood" in fa.status_.notes[0]


@pytest.mark.parametrize("seed", [0, 6, 16, 19, 28])
def test_noise_that_goes_to_its_floor_arrives_there(seed):
    # Steps of plain EM shrink with the noise: after 3000 of them these are 1e-4 nats short, and look converged.
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(6, 2))
    x = rng.normal(size=(200, 2)) @ loadings.T + rng.normal(size=(200, 6)) * rng.uniform(0.2, 1.5, 6)
    correlation, floor = np.corrcoef(x.T), 1e-3

    def loss(log_psi):  # of the best loadings for that noise, and its gradient
        scale = np.exp(-log_psi / 2)
        whitened = correlation * np.outer(scale, scale)
        values, axes = np.linalg.eigh(whitened)
        values, axes = values[-2:], axes[:, -2:]
        value = log_psi.sum() + np.sum(np.log(values) - values + 1) + np.trace(whitened) + 6 * np.log(2 * np.pi)
        return 0.5 * value, 0.5 * (1 - np.diag(whitened) + (axes**2) @ (values - 1))

    options = {"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-10}
    best = minimize(
        loss, np.full(6, np.log(0.3)), jac=True, bounds=[(np.log(floor), None)] * 6, method="L-BFGS-B", options=options
    )
    floored = np.flatnonzero(best.x < np.log(1.001 * floor))
    fa = FactorAnalysis(2, noise_floor=floor).fit(x)
    np.testing.assert_allclose(fa.objective_, best.fun + 0.5 * np.log(x.var(axis=0)).sum(), atol=1e-9)
    np.testing.assert_array_equal(np.flatnonzero(fa.noise_variance_ < 1.001 * floor * x.var(axis=0)), floored)
    assert len(floored) > 0
    assert "Heywood" in fa.status_.notes[0]
    assert fa.n_iter_ < 100


def test_numbers_about_the_fit():
    assert fitted().n_parameters_ == 2 * 8 + (8 * 3 - 3)
    assert fitted("promax").n_parameters_ == fitted().n_parameters_
    assert fitted().fit_seconds_ > 0


# ---- rotations


def test_unrotated_factors_are_ordered_by_what_the_data_says_of_them():
    fa = fitted()
    precision = fa.loadings_.T @ (fa.loadings_ / fa.noise_variance_[:, None])
    np.testing.assert_allclose(precision - np.diag(np.diag(precision)), 0, atol=1e-8)
    assert np.all(np.diff(np.diag(precision)) < 0)
    np.testing.assert_array_equal(fa.factor_correlation_, np.eye(3))


@pytest.mark.parametrize("rotation", ROTATIONS[1:])
def test_a_rotation_leaves_the_density_alone(rotation):
    plain, turned = fitted(), fitted(rotation)
    assert np.abs(turned.loadings_ - plain.loadings_).max() > 0.05
    covariance = turned.loadings_ @ turned.factor_correlation_ @ turned.loadings_.T + np.diag(turned.noise_variance_)
    np.testing.assert_allclose(covariance, in_user_units(plain).covariance[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(turned.score_samples(X), plain.score_samples(X), atol=1e-9)
    np.testing.assert_allclose(turned.reconstruct(X), plain.reconstruct(X), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(turned.outlier_scores(X, method="kl"), plain.outlier_scores(X, method="kl"), atol=1e-9)
    if rotation != "promax":
        np.testing.assert_array_equal(turned.factor_correlation_, np.eye(3))


@pytest.mark.parametrize("rotation", ["varimax", "quartimax", "promax"])
def test_a_rotation_finds_the_simple_structure(rotation):
    loadings = np.abs(fitted(rotation).loadings_) / X.std(axis=0)[:, None]
    groups = loadings.argmax(axis=1)
    assert [len(set(groups[part])) for part in (slice(0, 3), slice(3, 6), slice(6, 8))] == [1, 1, 1]
    assert len(set(groups)) == 3
    others = np.sort(loadings, axis=1)[:, :-1]
    assert others.max() < (0.15 if rotation == "promax" else 0.45)


def test_oblique_factors_have_the_correlations_they_were_made_with():
    fa = fitted("promax")
    order = np.abs(fa.loadings_)[[0, 3, 6]].argmax(axis=1)
    correlation = fa.factor_correlation_[np.ix_(order, order)]
    np.testing.assert_allclose(np.diag(correlation), 1, rtol=1e-12)
    assert correlation[0, 1] == pytest.approx(0.5, abs=0.15)
    assert abs(correlation[1, 2]) < 0.2


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_the_posterior_is_that_of_the_reported_factors(rotation):
    fa = fitted(rotation)
    loadings, correlation = fa.loadings_, fa.factor_correlation_
    gain = correlation @ loadings.T @ np.linalg.inv(in_user_units(fa).covariance[0])
    posterior = fa.posterior(X)
    np.testing.assert_allclose(posterior.mean, (X - fa.mean_) @ gain.T, atol=1e-8)
    covariance = correlation - gain @ loadings @ correlation
    np.testing.assert_allclose(posterior.covariance, np.tile(covariance, (N_ROWS, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(posterior.scale, np.tile(np.sqrt(np.diag(covariance)), (N_ROWS, 1)), rtol=1e-8)
    np.testing.assert_array_equal(fa.transform(X), posterior.mean)
    np.testing.assert_allclose(fa.inverse_transform(posterior.mean), fa.mean_ + posterior.mean @ loadings.T, rtol=1e-9)
    np.testing.assert_allclose(fa.inverse_transform(posterior.mean), fa.reconstruct(X), rtol=1e-9)


@pytest.mark.parametrize("rotation", [None, "promax"])
def test_draws_are_of_the_reported_factors(rotation):
    fa, n_draws = fitted(rotation), 5000
    posterior = fa.posterior(X[:3])
    drawn = fa.sample_posterior(X[:3], n_draws, random_state=0)
    z = (drawn.mean(axis=1) - posterior.mean) / (posterior.scale / np.sqrt(n_draws))
    assert np.abs(z).max() < 4.5
    for draws, covariance in zip(drawn, posterior.covariance, strict=True):
        np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.05)
    x, factors = fa.sample(n_draws, random_state=1, return_latents=True)
    np.testing.assert_allclose(np.cov(factors.T), fa.factor_correlation_, atol=0.08)
    noise = x - fa.inverse_transform(factors)
    np.testing.assert_allclose(noise.var(axis=0), fa.noise_variance_, rtol=0.1)
    assert np.abs(np.corrcoef(np.c_[noise, factors].T)[:N_FEATURES, N_FEATURES:]).max() < 0.07
