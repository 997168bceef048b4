"""Missing cells: marginals, posteriors and imputations against the matrices of the joint Gaussian, in the user's units.

Ground truth: `tests.gaussians.Textbook`, which deletes the rows and columns of missing cells; simulation for coverage; for fits,
the likelihood that no step in any direction raises.
"""

import jax
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import lowerbound
from lowerbound import PPCA, FactorAnalysis, OutlierDetector
from tests.estimators.exact_models import (
    LINEAR,
    MODELS,
    column_scale,
    fitted,
    in_user_units,
    log_evidence,
    rows,
    with_holes,
)
from tests.gaussians import Textbook

X, LABELS = rows()
HOLES = with_holes(X)
NEW = with_holes(rows(seed=5)[0], seed=6)  # all of row 1 missing, nothing of row 0
SEEN = ~np.isnan(NEW)


# ---- log p(x_observed), posteriors


@pytest.mark.parametrize("name", MODELS)
def test_log_evidence_is_that_of_the_marginal_of_the_observed_cells(name):
    estimator = fitted(name)
    truth = log_evidence(estimator, NEW)
    np.testing.assert_allclose(estimator.score_samples(NEW), truth, rtol=0, atol=1e-9)
    assert estimator.score_samples(NEW)[1] == pytest.approx(0, abs=1e-12)
    assert estimator.score(NEW) == pytest.approx(truth.mean(), abs=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_the_objective_is_the_likelihood_of_the_training_rows(name):
    estimator = fitted(name)
    assert -estimator.objective_ == pytest.approx(log_evidence(estimator, HOLES).mean(), abs=1e-9)
    assert np.all(np.diff(estimator.history_["log_evidence"]) >= -1e-10)
    assert estimator.status_.code == "converged"


@pytest.mark.parametrize("name", LINEAR)
def test_the_posterior_is_that_of_the_observed_cells(name):
    estimator = fitted(name)
    truth, loadings = in_user_units(estimator), estimator.loadings_
    correlation = getattr(estimator, "factor_correlation_", np.eye(2))
    posterior = estimator.posterior(NEW)
    for i, seen in enumerate(SEEN):
        gain = correlation @ loadings[seen].T @ np.linalg.inv(truth.covariance[0][np.ix_(seen, seen)])
        mean = gain @ (NEW[i, seen] - truth.mean[0, seen])
        np.testing.assert_allclose(posterior.mean[i], mean, atol=1e-9)
        np.testing.assert_allclose(
            posterior.covariance[i], correlation - gain @ loadings[seen] @ correlation, atol=1e-9
        )
    np.testing.assert_array_equal(posterior.mean, estimator.transform(NEW))
    np.testing.assert_allclose(posterior.scale**2, np.diagonal(posterior.covariance, axis1=1, axis2=2), rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in LINEAR])
def test_responsibilities_are_those_of_the_observed_cells(name):
    estimator = fitted(name)
    truth = in_user_units(estimator)
    found = estimator.predict_proba(NEW)
    for i, seen in enumerate(SEEN):
        np.testing.assert_allclose(found[i], truth.responsibility(NEW[i], seen), atol=1e-9)
    np.testing.assert_allclose(found[1], estimator.weights_, rtol=1e-12)


# ---- imputation


@pytest.mark.parametrize("name", MODELS)
def test_impute_gives_the_conditional_mean(name):
    estimator = fitted(name)
    truth, unit = in_user_units(estimator), column_scale(estimator)
    filled, found = estimator.impute(NEW), estimator.imputation(NEW)
    for i, seen in enumerate(SEEN):
        np.testing.assert_array_equal(filled[i, seen], NEW[i, seen])
        mean, covariance = truth.moments_of_missing(NEW[i], seen)
        np.testing.assert_allclose((filled[i, ~seen] - mean) / unit[~seen], 0, atol=1e-9)
        np.testing.assert_allclose(found.scale[i, ~seen], np.sqrt(np.diag(covariance)), rtol=1e-8)
    np.testing.assert_array_equal(found.mean, filled)


@pytest.mark.parametrize("coverage", [0.5, 0.95])
@pytest.mark.parametrize("name", MODELS)
def test_the_interval_leaves_equal_shares_on_both_sides(name, coverage):
    estimator = fitted(name)
    truth, found = in_user_units(estimator), estimator.imputation(NEW, coverage=coverage)
    for i, seen in enumerate(SEEN[:20]):
        weight = truth.responsibility(NEW[i], seen)
        parts = [truth.conditional(NEW[i], seen, k) for k in range(len(weight))]
        for end, below in ((found.lower, 0.5 - 0.5 * coverage), (found.upper, 0.5 + 0.5 * coverage)):
            shares = [norm.cdf(end[i, ~seen], mean, np.sqrt(np.diag(C))) for mean, C in parts]
            np.testing.assert_allclose(weight @ shares, below, atol=1e-9)


@pytest.mark.parametrize("name", ["FactorAnalysis promax", "mixture isotropic shared", "mixture full"])
def test_multiple_imputations_have_the_conditional_mean_and_covariance(name):
    estimator, n_draws = fitted(name), 4000
    truth, unit = in_user_units(estimator), column_scale(estimator)
    few = [1, *np.flatnonzero((~SEEN).sum(axis=1) == 2)[:3]]
    drawn = estimator.impute(NEW[few], n_draws=n_draws, random_state=0)
    assert drawn.shape == (len(few), n_draws, NEW.shape[1])
    for draws, row, seen in zip(drawn, NEW[few], SEEN[few], strict=True):
        np.testing.assert_array_equal(draws[:, seen], np.tile(row[seen], (n_draws, 1)))
        mean, covariance = truth.moments_of_missing(row, seen)
        deviation = (draws[:, ~seen] - mean) / unit[~seen]
        covariance = covariance / unit[~seen] / unit[~seen][:, None]
        z_of_mean = deviation.mean(axis=0) / np.sqrt(np.diag(covariance) / n_draws)
        products = deviation[:, :, None] * deviation[:, None, :]
        z_of_covariance = (products.mean(axis=0) - covariance) / (products.std(axis=0) / np.sqrt(n_draws))
        assert np.abs(z_of_mean).max() < 4.5
        assert np.abs(z_of_covariance).max() < 4.5


def _simulated(name, n_rows):
    """Rows from a model of the same kind as the named one."""
    rng = np.random.default_rng(7)
    if name.startswith("mixture"):
        labels = rng.random(n_rows) < 0.4
        centre = np.where(labels[:, None], 3.0, 0.0) * np.array([1, -1, 1, 0, 0, 1, 0, -1])
        return centre + rng.normal(size=(n_rows, 1)) @ rng.normal(size=(1, 8)) + rng.normal(size=(n_rows, 8))
    noise = rng.uniform(0.3, 1.0, 8) if name.startswith("Factor") else 0.6
    return 10 + rng.normal(size=(n_rows, 2)) @ rng.normal(size=(2, 8)) + noise * rng.normal(size=(n_rows, 8))


@pytest.mark.parametrize("name", ["PPCA", "FactorAnalysis", "mixture diagonal"])
def test_intervals_of_95_percent_hold_what_they_should(name):
    complete = _simulated(name, 700)
    holes = with_holes(complete, share=0.3)
    missing = np.isnan(holes)
    found = MODELS[name]().fit(holes).imputation(holes)
    inside = ((found.lower <= complete) & (found.upper >= complete))[missing]
    assert len(inside) > 1500  # a standard error below 0.006
    assert 0.93 < inside.mean() < 0.97
    z = (complete - found.mean)[missing] / found.scale[missing]
    assert z.mean() == pytest.approx(0, abs=0.1)
    assert z.std() == pytest.approx(1, abs=0.06)


# ---- fits


def _moved(name, estimator, direction, step):
    """Mean log p(x_observed) with the parameters moved along a direction, in units of the columns."""
    unit, seen = column_scale(estimator), ~np.isnan(HOLES)
    mean = estimator.mean_ + step * direction[0] * unit
    loadings = estimator.loadings_ + step * direction[1] * unit[:, None]
    correlation = getattr(estimator, "factor_correlation_", np.eye(2))
    free = direction[2] if name.startswith("Factor") else direction[2][0]
    noise = estimator.noise_variance_ * np.exp(step * free)
    covariance = loadings @ correlation @ loadings.T + np.diag(np.broadcast_to(noise, unit.shape))
    moved = Textbook(np.ones(1), mean[None] / unit, covariance[None] / unit / unit[:, None])
    return (moved.log_evidence(HOLES / unit, seen) - seen @ np.log(unit)).mean()


@pytest.mark.parametrize("name", LINEAR)
def test_no_step_in_any_direction_raises_the_likelihood(name):
    rng, step = np.random.default_rng(0), 1e-3
    estimator = MODELS[name](tol=1e-10, max_iter=10_000).fit(HOLES)
    assert len(estimator.status_.notes) == 1  # of an empty row: no noise rests at its floor
    here = -estimator.objective_
    for _ in range(10):
        direction = rng.normal(size=6), rng.normal(size=(6, 2)), rng.normal(size=6)
        ahead, behind = (_moved(name, estimator, direction, signed) for signed in (step, -step))
        assert max(ahead, behind) < here
        assert abs(ahead - behind) / (2 * step) < 1e-3  # the slope


@pytest.mark.parametrize("name", ["PPCA", "FactorAnalysis", "mixture diagonal", "mixture full"])
def test_a_row_without_any_cell_says_nothing(name):
    empty = np.concatenate([X[:50], np.full((2, 6), np.nan), X[50:]])
    without, found = MODELS[name](tol=1e-9).fit(X), MODELS[name](tol=1e-9).fit(empty)
    per_row = without.objective_ * 120 / 122  # empty rows included
    assert found.objective_ == pytest.approx(per_row, abs=1e-6)
    unit = column_scale(without)
    here, there = in_user_units(without), in_user_units(found)
    np.testing.assert_allclose(there.mean / unit, here.mean / unit, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        there.covariance / unit / unit[:, None], here.covariance / unit / unit[:, None], atol=0.01
    )
    assert any("2 rows have no observed cell" in note for note in found.status_.notes)


@pytest.mark.parametrize("name", MODELS)
def test_rows_and_columns_without_any_cell_after_the_fit(name):
    estimator = fitted(name)
    truth = in_user_units(estimator)
    nothing = np.full((3, 6), np.nan)
    marginal = truth.weight @ truth.mean
    np.testing.assert_allclose(estimator.score_samples(nothing), 0, atol=1e-12)
    np.testing.assert_allclose(estimator.impute(nothing), np.tile(marginal, (3, 1)), rtol=1e-9)
    codes = estimator.transform(nothing)
    prior = np.zeros(2) if name in LINEAR else np.concatenate([estimator.weights_, np.zeros(codes.shape[1] - 2)])
    np.testing.assert_allclose(codes, np.tile(prior, (3, 1)), atol=1e-12)
    lost, _ = rows(seed=8)
    lost[:, 3] = np.nan
    expected = [truth.moments_of_missing(row, ~np.isnan(row))[0] for row in lost]
    np.testing.assert_allclose(estimator.impute(lost)[:, 3:4], expected, rtol=1e-9)


# ---- tables as they come


def test_a_data_frame_stays_one():
    table = pd.DataFrame(NEW, columns=list("abcdef"), index=np.arange(120) * 10)
    ppca = PPCA(2).fit(table)
    filled = ppca.impute(table)
    pd.testing.assert_index_equal(filled.index, table.index)
    pd.testing.assert_index_equal(filled.columns, table.columns)
    np.testing.assert_array_equal(filled.to_numpy(), PPCA(2).fit(NEW).impute(NEW))
    nullable = table.convert_dtypes()
    assert nullable["a"].isna().sum() == np.isnan(NEW[:, 0]).sum()
    np.testing.assert_array_equal(PPCA(2).fit(nullable).impute(nullable).to_numpy(), filled.to_numpy())
    np.testing.assert_array_equal(ppca.imputation(table).mean, filled.to_numpy())
    assert ppca.impute(table, n_draws=3).shape == (120, 3, 6)


def test_a_table_without_holes_is_its_own_imputation():
    np.testing.assert_array_equal(fitted("FactorAnalysis").impute(X), X)
    np.testing.assert_array_equal(fitted("FactorAnalysis").imputation(X).scale, 0)
    np.testing.assert_array_equal(fitted("FactorAnalysis").impute(X, n_draws=1)[:, 0], X)


def test_holes_go_through_pipelines_and_searches():
    pipeline = make_pipeline(StandardScaler(), FactorAnalysis()).fit(HOLES)
    filled = pipeline[-1].impute(pipeline[0].transform(HOLES))
    np.testing.assert_allclose(
        pipeline[0].inverse_transform(filled), FactorAnalysis().fit(HOLES).impute(HOLES), rtol=1e-3, atol=1e-3
    )
    table = with_holes(rows(240, seed=9)[0])
    halves = [(np.arange(120), np.arange(120, 240))]
    search = GridSearchCV(pipeline, {"factoranalysis__latent_dim": [1, 2]}, cv=halves, refit=False).fit(table)
    scores = search.cv_results_["mean_test_score"]
    assert scores[1] > scores[0] + 0.1  # the cluster is a factor beside the other
    by_hand = pipeline.fit(table[:120]).score(table[120:])
    assert scores[1] == by_hand


def test_an_outlier_detector_takes_holes_and_is_saved_with_them(tmp_path):
    table = HOLES.copy()
    table[5, 0] = 1e3
    detector = OutlierDetector(PPCA(2, standardize=True), contamination=0.005).fit(table)
    assert np.flatnonzero(detector.predict(table) == -1).tolist() == [5]
    detector.save(tmp_path / "detector")
    loaded = lowerbound.load(tmp_path / "detector")
    np.testing.assert_array_equal(loaded.decision_function(table), detector.decision_function(table))


def test_grey_levels_with_holes_are_imputed_as_levels():
    rng = np.random.default_rng(0)
    grey = np.clip(128 + 40 * rng.normal(size=(120, 1)) + 10 * rng.normal(size=(120, 6)), 0, 255).astype(int)
    holes = with_holes(grey.astype(float))
    estimator = FactorAnalysis(2, dequantize=True, random_state=0).fit(holes)
    filled, draws = estimator.impute(holes), estimator.impute(holes, n_draws=5)
    missing = np.isnan(holes)
    missing[1] = False  # nothing was seen of it
    assert np.abs(filled - grey)[missing].mean() < 15 < np.abs(grey.mean(axis=0) - grey)[missing].mean()
    np.testing.assert_array_equal(draws, np.floor(draws))
    assert estimator.score_samples(holes)[1] == 0


@pytest.mark.parametrize(
    ("verb", "options", "message"),
    [
        ("impute", {"n_draws": 0}, "n_draws of PPCA must be a whole number, at least 1; got 0"),
        ("imputation", {"coverage": 0.0}, r"coverage of PPCA must be a number above 0 and below 1; got 0\.0\."),
        ("imputation", {"coverage": 1.0}, r"coverage of PPCA must be a number above 0 and below 1; got 1\.0\."),
    ],
)
def test_arguments_out_of_range(verb, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(fitted("PPCA"), verb)(NEW, **options)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in LINEAR])
def test_clusters_are_found_through_holes(name):
    seen = ~np.isnan(HOLES).all(axis=1)
    assert (fitted(name).predict(HOLES) == LABELS)[seen].mean() > 0.9
    assert np.mean(fitted(name).predict(X) == LABELS) > 0.95


def test_factors_and_patterns_share_compiled_programs(caplog):
    """Folds with other patterns of holes, and other numbers of factors, on small tables: one program for all of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(72, 2)) @ rng.normal(size=(2, 5)) + 0.5 * rng.normal(size=(72, 5))
    X[rng.random(X.shape) < 0.1] = np.nan
    FactorAnalysis(1, tol=1e-2).fit(X[8:])
    with jax.log_compiles():
        caplog.clear()
        for latent_dim in (1, 2, 3, 4):
            for fold in range(3):
                FactorAnalysis(latent_dim, tol=1e-2).fit(np.delete(X, slice(fold, None, 9), axis=0))
        compiled = [record.message for record in caplog.records if "Compiling" in record.message]
    assert compiled == []


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_padded_factors_change_nothing(latent_dim, monkeypatch):
    from lowerbound.interface import expectation_maximization

    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 3)) @ rng.normal(size=(3, 6)) + 0.5 * rng.normal(size=(60, 6))
    X[rng.random(X.shape) < 0.1] = np.nan
    padded = FactorAnalysis(latent_dim, tol=1e-10).fit(X)
    monkeypatch.setattr(expectation_maximization, "_CHEAP", 0)
    bare = FactorAnalysis(latent_dim, tol=1e-10).fit(X)
    assert padded.model_.loadings.shape == bare.model_.loadings.shape == (6, latent_dim)
    np.testing.assert_allclose(padded.loadings_, bare.loadings_, atol=1e-4)  # rounding moves the extrapolations
    assert padded.objective_ == pytest.approx(bare.objective_, abs=1e-8)
