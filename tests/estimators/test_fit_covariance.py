"""Fits to a matrix: the same as to the rows that it came from; one error for what is no covariance; R's published loadings."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

import lowerbound
from lowerbound import PPCA, FactorAnalysis

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 2)) @ RNG.normal(size=(2, 6)) * [1, 5, 1, 1, 1, 0.1] + RNG.normal(size=(200, 6)) + 5
S = np.cov(X.T, bias=True)

ABILITY = np.array(
    [
        [24.641, 5.991, 33.520, 6.023, 20.755, 29.701],
        [5.991, 6.700, 18.137, 1.782, 4.936, 7.204],
        [33.520, 18.137, 149.831, 19.424, 31.430, 50.753],
        [6.023, 1.782, 19.424, 12.711, 4.757, 9.075],
        [20.755, 4.936, 31.430, 4.757, 52.604, 66.762],
        [29.701, 7.204, 50.753, 9.075, 66.762, 135.292],
    ]
)
"""Covariances of six tests of ability, 112 persons: R's ``ability.cov``."""


@pytest.mark.parametrize(
    "make",
    [lambda: PPCA(2), lambda: PPCA(2, standardize=True, method="em"), lambda: FactorAnalysis(2, rotation="promax")],
    ids=["PPCA", "PPCA em", "FactorAnalysis promax"],
)
def test_a_fit_to_the_covariance_is_the_fit_to_its_rows(make, tmp_path):
    table = pd.DataFrame(X, columns=list("abcdef"))
    rows = make().fit(table)
    matrix = make().fit_covariance(pd.DataFrame(S, table.columns, table.columns), n_rows=200, mean=X.mean(axis=0))
    np.testing.assert_allclose(matrix.loadings_, rows.loadings_, atol=1e-8)
    np.testing.assert_allclose(matrix.noise_variance_, rows.noise_variance_, atol=1e-8)
    np.testing.assert_allclose(matrix.score_samples(table), rows.score_samples(table), atol=1e-8)
    np.testing.assert_allclose(matrix.history_["log_evidence"], rows.history_["log_evidence"], atol=1e-8)
    assert (matrix.status_, list(matrix.feature_names_in_)) == (rows.status_, list("abcdef"))
    matrix.save(tmp_path / "model")
    np.testing.assert_array_equal(lowerbound.load(tmp_path / "model").transform(table), matrix.transform(table))


def test_promax_and_uniquenesses_are_those_that_r_prints():
    deviation = np.sqrt(np.diag(ABILITY))
    correlation = np.round(ABILITY / deviation / deviation[:, None], 12)
    fitted = FactorAnalysis(2, rotation="promax", tol=1e-12).fit_covariance(correlation, n_rows=112)
    # factanal(factors = 2, covmat = ability.cov, rotation = "promax"), R's own example; blanks are below 0.1.
    np.testing.assert_allclose(fitted.noise_variance_, [0.455, 0.589, 0.218, 0.769, 0.052, 0.334], atol=6e-4)
    expected = [[0.364, 0.470], [0, 0.671], [0, 0.932], [0, 0.508], [1.023, 0], [0.811, 0]]
    shown = np.array(expected) != 0
    np.testing.assert_allclose(fitted.loadings_[shown], np.array(expected)[shown], atol=1.5e-3)
    assert np.all(np.abs(fitted.loadings_[~shown]) < 0.1)
    assert fitted.factor_correlation_[0, 1] == pytest.approx(0.557, abs=1e-3)


@pytest.mark.parametrize(
    ("matrix", "options", "message"),
    [
        (X, {"n_rows": 9}, r"S of FactorAnalysis.fit_covariance must be a square matrix; got shape \(200, 6\)"),
        (S + np.triu(np.ones((6, 6)), 1), {"n_rows": 9}, "must be symmetric"),
        (-S, {"n_rows": 9}, "variances on its diagonal"),
        (
            np.where(np.eye(6) > 0, 1, -0.9),
            {"n_rows": 9},
            r"positive semidefinite; got an eigenvalue of -3.5 .* holes included",
        ),
        (np.where(np.eye(6) > 0, np.nan, S), {"n_rows": 9}, "must be finite"),
        (
            pd.DataFrame(S, list("abcdef"), list("bacdef")),
            {"n_rows": 9},
            "columns; got 'a' and 'b' at place 0",
        ),
        (S, {"n_rows": 1}, "n_rows of FactorAnalysis must be a whole number, at least 2"),
        (
            pd.DataFrame(S, list("abcdef"), list("abcdef")),
            {"n_rows": 9, "mean": pd.Series(range(6), list("fedcba"))},
            "mean of FactorAnalysis.fit_covariance must have the labels of S in their order",
        ),
        (S, {"n_rows": 9, "mean": [1.0, 2.0]}, r"mean of FactorAnalysis.fit_covariance must be 6 finite numbers"),
    ],
)
def test_what_is_no_covariance_is_refused(matrix, options, message):
    estimator = FactorAnalysis(1)
    with pytest.raises(ValueError, match=message):
        estimator.fit_covariance(matrix, **options)
    assert not [name for name in vars(estimator) if name.endswith("_")]


def test_a_matrix_given_as_rows_is_sent_here_where_there_is_a_here():
    correlation = np.corrcoef(X.T)
    with pytest.raises(ValueError, match="or the matrix to fit_covariance"):
        FactorAnalysis(1).fit(correlation)
    with pytest.raises(ValueError, match=r"Give the rows that it was computed from\.$"):
        lowerbound.MixtureOfFactorAnalyzers(1).fit(correlation)


def test_parameters_are_at_most_those_of_mean_and_covariance():
    assert FactorAnalysis(2).fit(X).n_parameters_ == 6 + 6 + 12 - 1
    whole = FactorAnalysis(6).fit(X)
    assert whole.n_parameters_ == 6 + 21
    assert whole.status_.notes[-1].startswith("6 factors are too many for 6 columns to tell: their 27 parameters make")
    assert PPCA(6).fit(X).n_parameters_ == 6 + 21
    mixture = lowerbound.MixtureOfFactorAnalyzers(2, latent_dim=6, max_iter=1, n_init=1)
    with pytest.warns(ConvergenceWarning):
        mixture.fit(X)
    assert mixture.n_parameters_ == 1 + 2 * (6 + 21)


def test_a_floor_that_is_above_real_noise_is_named_as_what_to_lower():
    nearly_flat = RNG.normal(size=(300, 3)) @ RNG.normal(size=(3, 8)) + 1e-3 * RNG.normal(size=(300, 8))
    assert (
        "Lower noise_floor (to 1e-07 at least) if noise so small is real" in PPCA(3).fit(nearly_flat).status_.notes[0]
    )
    assert PPCA(3, noise_floor=1e-7).fit(nearly_flat).status_.notes == ()
    flat = nearly_flat @ np.diag([1, 1, 1, 0, 0, 0, 0, 0])
    assert "floor only. Lower latent_dim, or give" in PPCA(3, noise_floor=1e-7).fit(flat).status_.notes[1]
