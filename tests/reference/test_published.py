"""Published figures, and scikit-learn's own example, by the exactly solvable models.

Sources: mean log-likelihoods computed with scikit-learn 1.9 (its PCA divides by n - 1: the figures here are of the maximum); the
example "Model selection with probabilistic PCA and factor analysis" of scikit-learn's gallery; the imputation recipe of the
MIWAE notebook on breast_cancer (P.-A. Mattei, J. Frellsen, 2019).
"""

from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.decomposition import FactorAnalysis as SklearnFactorAnalysis
from sklearn.model_selection import GridSearchCV, cross_val_score

from lowerbound import PPCA, FactorAnalysis

IRIS = load_iris().data
DIGITS = load_digits().data / 16


@pytest.mark.parametrize(("latent_dim", "log_evidence"), [(1, -3.137796), (2, -2.699752)])
@pytest.mark.parametrize("method", ["closed_form", "em"])
def test_ppca_on_iris(latent_dim, log_evidence, method):
    ppca = PPCA(latent_dim, method=method).fit(IRIS)
    assert ppca.score(IRIS) == pytest.approx(log_evidence, abs=1e-5)
    assert -ppca.objective_ == pytest.approx(log_evidence, abs=1e-5)


def test_factor_analysis_on_iris():
    one = FactorAnalysis(1, noise_floor=1e-6).fit(IRIS)
    assert one.score(IRIS) == pytest.approx(-2.815856, abs=1e-5)
    two = FactorAnalysis(2, noise_floor=1e-6).fit(IRIS)  # 11 parameters for 10 moments: any maximum will do
    assert two.score(IRIS) >= -2.59921


@pytest.mark.parametrize(
    ("latent_dim", "log_evidence"), [(2, 0.005707), (5, 8.907637), (10, 17.451947), (20, 27.277300)]
)
def test_ppca_on_digits(latent_dim, log_evidence):
    ppca = PPCA(latent_dim).fit(DIGITS)
    assert -ppca.objective_ == pytest.approx(log_evidence, abs=1e-5)
    if latent_dim == 10:
        assert ppca.score(DIGITS) == pytest.approx(log_evidence, abs=1e-5)
        assert PPCA(latent_dim, method="em").fit(DIGITS).objective_ == pytest.approx(-log_evidence, abs=1e-5)


def test_factor_analysis_of_digits_names_its_degenerate_columns():
    status = FactorAnalysis(5).fit(DIGITS).status_
    assert "3 features (0, 32, 39) are constant in the training rows" in status.notes[0]


# ---- examples/decomposition/plot_pca_vs_fa_model_selection.py


@cache
def example():
    """500 rows of rank 5 in 25 columns, with equal noise, and with noise of its own for each column."""
    n_samples, n_features, rank, sigma = 500, 25, 5, 1.0
    rng = np.random.RandomState(42)  # the example's own numbers
    U, _, _ = np.linalg.svd(rng.randn(n_features, n_features))
    X = rng.randn(n_samples, rank) @ U[:, :rank].T
    homoscedastic = X + sigma * rng.randn(n_samples, n_features)
    sigmas = sigma * rng.rand(n_features) + sigma / 2.0
    return {"equal": homoscedastic, "unequal": X + rng.randn(n_samples, n_features) * sigmas}


@pytest.mark.parametrize(
    ("estimator", "noise", "latent_dim", "score"),
    [
        (FactorAnalysis(), "equal", 5, None),
        (FactorAnalysis(), "unequal", 5, -38.7636),
        (PPCA(), "equal", 5, None),
        (PPCA(), "unequal", 20, -39.0243),
    ],
)
def test_cross_validation_picks_what_the_example_teaches(estimator, noise, latent_dim, score):
    search = GridSearchCV(estimator, {"latent_dim": [5, 10, 15, 20]}, refit=False).fit(example()[noise])
    assert search.best_params_ == {"latent_dim": latent_dim}
    if (
        score is not None
    ):  # by scikit-learn, whose PCA divides by n - 1, and whose factor analysis takes a randomized SVD
        assert search.best_score_ == pytest.approx(score, abs=0.01)


def test_its_score_is_that_of_scikit_learn_without_the_randomized_svd():
    exact = SklearnFactorAnalysis(5, svd_method="lapack", tol=1e-5, max_iter=10_000)
    theirs = cross_val_score(exact, example()["unequal"]).mean()
    ours = cross_val_score(FactorAnalysis(5), example()["unequal"]).mean()
    assert ours == pytest.approx(theirs, abs=1e-3)


# ---- imputation


@pytest.mark.parametrize(("estimator", "bound"), [(FactorAnalysis(8), 0.267), (PPCA(8), 0.286)])
def test_breast_cancer_with_half_of_its_cells(estimator, bound):
    X = load_breast_cancer().data
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    n, p = X.shape
    np.random.seed(1234)  # noqa: NPY002  # the recipe's own mask
    missing = np.random.choice(n * p, int(np.floor(n * p * 0.5)), replace=False)  # noqa: NPY002
    holes = X.copy()
    holes.flat[missing] = np.nan
    filled = estimator.fit(holes).impute(holes)
    squared_error = np.mean((filled - X).flat[missing] ** 2)
    assert 0.2 < squared_error <= bound
    np.testing.assert_array_equal(filled[~np.isnan(holes)], X[~np.isnan(holes)])
    assert np.mean(X.flat[missing] ** 2) > 0.9  # what the mean would give
