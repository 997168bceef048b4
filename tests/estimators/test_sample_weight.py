"""Weights of rows: 2 is a row that comes twice, 0 is a row left out.

Ground truth: the same estimator on the rows written out.
"""

import numpy as np
import pytest

from lowerbound import PPCA
from tests.estimators.exact_models import LINEAR, MODELS, column_scale, fitted, in_user_units, rows, with_holes

X, _ = rows()
HOLES = with_holes(X)
WEIGHT = np.random.default_rng(0).permutation(
    np.tile([0, 1, 1, 2, 1, 1], 20)
)  # as many rows, written out: one compilation
TIGHT = {"tol": 1e-9, "max_iter": 5000}


def assert_same_fit(one, other, *, atol=1e-3):
    """Both are the same distribution, in units of the columns."""
    unit = column_scale(one)
    here, there = in_user_units(one), in_user_units(other)
    assert other.objective_ == pytest.approx(one.objective_, abs=1e-6)
    np.testing.assert_allclose(there.weight, here.weight, atol=atol)
    np.testing.assert_allclose(there.mean / unit, here.mean / unit, atol=atol)
    np.testing.assert_allclose(
        there.covariance / unit / unit[:, None], here.covariance / unit / unit[:, None], atol=atol
    )


@pytest.mark.parametrize(
    ("name", "table"),
    [pytest.param(name, X, id=f"{name}, complete") for name in ("PPCA", "FactorAnalysis", "mixture full")]
    + [pytest.param(name, HOLES, id=f"{name}, holes") for name in MODELS if name not in ("PPCA", "FactorAnalysis")],
)
def test_a_weight_is_a_number_of_copies_and_zero_is_none(name, table):
    weighted = MODELS[name](**TIGHT).fit(table, sample_weight=WEIGHT)
    written_out = MODELS[name](**TIGHT).fit(np.repeat(table, WEIGHT, axis=0))
    assert_same_fit(weighted, written_out)
    unweighted, unit = MODELS[name](**TIGHT).fit(table), column_scale(weighted)
    apart = (in_user_units(unweighted).mean - in_user_units(weighted).mean) / unit
    assert np.abs(apart).max() > 0.01  # it would show


@pytest.mark.parametrize("name", ["FactorAnalysis", "mixture full"])
def test_only_ratios_of_weights_count(name):
    one, other = (MODELS[name](**TIGHT).fit(HOLES, sample_weight=weight) for weight in (WEIGHT, 1.7 * WEIGHT))
    assert_same_fit(one, other)
    assert MODELS[name]().fit(HOLES, sample_weight=np.ones(len(X))).objective_ == fitted(name).objective_


@pytest.mark.parametrize("name", ["PPCA", "FactorAnalysis", "mixture diagonal", "mixture full"])
def test_what_is_in_a_row_of_weight_zero_does_not_matter(name):
    weight = np.where(np.arange(len(X)) < 4, 0.0, 1.0)
    spoilt = HOLES.copy()
    spoilt[0], spoilt[1], spoilt[2], spoilt[3] = 1e140, X[1], np.nan, np.where(np.isnan(HOLES[3]), np.nan, -1e100)
    one, other = (MODELS[name](**TIGHT).fit(one, sample_weight=weight) for one in (HOLES, spoilt))
    assert_same_fit(one, other)


def test_the_mean_and_the_covariance_are_weighted():
    ppca = PPCA(latent_dim=5).fit(X, sample_weight=WEIGHT)
    covariance = np.cov(X.T, aweights=WEIGHT, bias=True)
    np.testing.assert_allclose(ppca.mean_, np.average(X, axis=0, weights=WEIGHT), rtol=1e-12)
    np.testing.assert_allclose(in_user_units(ppca).covariance[0], covariance, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["PPCA", "FactorAnalysis", "mixture diagonal"])
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(3), r"must be 120 numbers, one for each row of X; got dtype float64 and shape \(3,\)\."),
        (np.ones((120, 1)), r"must be 120 numbers, .* shape \(120, 1\)\."),
        (np.full(120, "heavy"), r"must be 120 numbers, .* got dtype <U5"),
        (
            np.r_[np.ones(119), -1],
            r"must be finite and not negative; got sample_weight\[119\] = -1\. Leave rows out by",
        ),
        (np.r_[np.nan, np.ones(119)], r"must be finite and not negative; got sample_weight\[0\] = nan\."),
        (np.r_[np.inf, np.ones(119)], r"must be finite and not negative; got sample_weight\[0\] = inf\."),
        (np.zeros(120), r"must be positive for some row; got zeros only\."),
    ],
    ids=["length", "shape", "text", "negative", "nan", "inf", "zeros"],
)
def test_weights_that_cannot_be(name, weight, message):
    estimator = MODELS[name]()
    owner = type(estimator).__name__
    with pytest.raises(ValueError, match=f"^sample_weight of {owner} {message}"):
        estimator.fit(HOLES, sample_weight=weight)
    assert not hasattr(estimator, "model_")


def test_a_column_observed_in_rows_of_weight_zero_only_is_not_observed():
    table = X.copy()
    table[1:, 4] = np.nan
    with pytest.raises(ValueError, match="an observed cell of positive weight in every column; got none in column 4"):
        MODELS["PPCA"]().fit(table, sample_weight=np.r_[0, np.ones(119)])


@pytest.mark.parametrize("name", LINEAR)
def test_one_row_that_counts_is_a_named_status_and_no_nan(name):
    estimator = MODELS[name]().fit(X, sample_weight=np.eye(1, len(X))[0])
    found = in_user_units(estimator)
    assert np.isfinite(found.covariance).all()
    np.testing.assert_allclose(estimator.mean_, X[0], rtol=1e-6, atol=1e-6)
    assert any("1 rows cannot tell 2 factors" in note for note in estimator.status_.notes)


def test_rows_of_weight_zero_are_no_rows_for_clusters():
    message = "n_clusters of MixtureOfFactorAnalyzers must be at most the number of rows, n_samples = 1; got 2"
    with pytest.raises(ValueError, match=message):
        MODELS["mixture full"]().fit(X, sample_weight=np.eye(1, len(X))[0])
