"""Importance-sampled log p(x) against the exact value: bias, spread, reported errors, and the warning."""

import jax
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import chi2, multivariate_normal

from lowerbound.data.dataset import Dataset
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.evaluate.evidence import EvidenceWarning
from lowerbound.evaluate.importance_sampling import LogWeights, elbo, log_evidence
from lowerbound.evaluate.pareto import pareto_k
from lowerbound.evaluate.rows import map_rows
from tests.gaussians import factor_analyzer, full_gaussian, mixture, random_patterns, textbook
from tests.linear_gaussian import as_dataset, linear_gaussian, posterior_gap

TRUTH = linear_gaussian()
X = TRUTH.sample(8, seed=0)
EXACT = TRUTH.log_evidence(X)
KEY = jax.random.key(0)


def imperfect():
    """Posterior a third too wide and a little off: finite variance of the weights, honest errors expected."""
    return TRUTH.vae(shift=0.05, stretch=1.3)


def evidence(model, data=None, *, n_samples=200, key=KEY, **more):
    data = as_dataset(X) if data is None else data
    return log_evidence(model, data, n_samples=n_samples, key=key, base_measure="Lebesgue measure", **more)


@pytest.fixture(scope="module")
def repeated():
    """Two hundred estimates with keys of their own."""
    return [evidence(imperfect(), key=jax.random.key(seed)) for seed in range(200)]


def test_the_exact_posterior_gives_the_exact_value_without_error():
    found = evidence(TRUTH.vae())
    np.testing.assert_allclose(found.per_row, EXACT, rtol=1e-5)
    np.testing.assert_allclose(found.value, EXACT.mean(), rtol=1e-5)
    assert found.standard_error < 1e-5
    np.testing.assert_allclose(found.effective_sample_size, 200, rtol=1e-6)
    assert not found.exact


def test_rows_cover_the_exact_value_within_their_error(repeated):
    z = np.array([(found.per_row - EXACT) / found.per_row_standard_error for found in repeated])
    error = np.array([found.per_row_standard_error for found in repeated])
    assert error.mean() < 0.1
    # Jensen: the estimate is low by half the squared error; beyond it, z is a standard normal number, 1600 times.
    z += error / 2
    assert abs(z.mean()) < 4.5 / np.sqrt(z.size)
    assert abs(z.std() - 1) < 0.1
    assert np.mean(np.abs(z) < 2) > 0.93


def test_the_error_of_the_mean_is_the_spread_over_keys(repeated):
    values = np.array([found.value for found in repeated])
    claimed = np.sqrt(np.mean([found.standard_error**2 for found in repeated]))
    ratio = values.var(ddof=1) / claimed**2 * 199
    assert 1e-4 < chi2(199).cdf(ratio) < 1 - 1e-4
    assert abs(values.mean() - EXACT.mean()) < 4.5 * claimed / np.sqrt(200) + claimed**2 * 8


def test_rows_have_draws_of_their_own(repeated):
    # Shared draws would make the errors of rows move together, and the error of the mean far too small.
    residuals = np.array([found.per_row for found in repeated]) - EXACT
    correlations = np.corrcoef(residuals.T)[np.triu_indices(8, 1)]
    assert np.abs(correlations).max() < 4.5 / np.sqrt(200)
    assert abs(correlations.mean()) < 0.05


def test_columns_are_those_of_the_formulas():
    model, data = imperfect(), as_dataset(X)
    log_weights = map_rows(LogWeights(200, 200), model, data, key=KEY).astype(np.float64)
    found = evidence(model)
    np.testing.assert_allclose(found.per_row, logsumexp(log_weights, axis=1) - np.log(200), rtol=1e-5)
    normalized = np.exp(log_weights - logsumexp(log_weights, axis=1)[:, None])
    np.testing.assert_allclose(found.effective_sample_size, 1 / (normalized**2).sum(axis=1), rtol=1e-4)
    weights = np.exp(log_weights)
    by_hand = weights.std(axis=1, ddof=1) / np.sqrt(200) / weights.mean(axis=1)
    np.testing.assert_allclose(found.per_row_standard_error, by_hand, rtol=1e-4)
    np.testing.assert_allclose(found.pareto_k, pareto_k(log_weights), atol=1e-3)
    np.testing.assert_allclose(found.standard_error, np.sqrt((by_hand**2).sum()) / 8, rtol=1e-4)
    np.testing.assert_allclose(found.sampling_error, found.per_row.std(ddof=1) / np.sqrt(8), rtol=1e-6)
    assert found.value == found.per_row.mean()


def test_memory_changes_the_chunks_and_not_the_numbers():
    whole = evidence(imperfect())
    for budget in (1, 32 * 64 * 60, 32 * 64 * 450):  # a draw at a time, 60 draws, two rows
        parts = evidence(imperfect(), memory_budget=budget)
        np.testing.assert_allclose(parts.per_row, whole.per_row, rtol=1e-5)
        np.testing.assert_allclose(parts.pareto_k, whole.pareto_k, atol=1e-3)


def test_a_rows_number_depends_neither_on_its_place_nor_on_its_company():
    data, model = as_dataset(X), imperfect()
    whole = evidence(model).per_row
    order = np.random.default_rng(1).permutation(8)
    np.testing.assert_allclose(evidence(model, data.take(order)).per_row, whole[order], rtol=1e-5)
    np.testing.assert_allclose(evidence(model, data.take(np.array([5]))).per_row, whole[[5]], rtol=1e-5)
    twice = data.take(np.repeat(np.arange(8), 3))
    np.testing.assert_allclose(evidence(model, twice).per_row, np.repeat(whole, 3), rtol=1e-5)


def test_few_draws_or_rows_leave_nan_where_there_is_no_number():
    found = evidence(imperfect(), n_samples=1)
    assert np.isfinite(found.per_row).all()
    assert np.isnan(found.per_row_standard_error).all()
    assert np.isnan(found.pareto_k).all()
    np.testing.assert_allclose(found.effective_sample_size, 1)
    assert np.isnan(evidence(imperfect(), as_dataset(X[:1])).sampling_error)


@pytest.mark.parametrize("spoiled", [{"stretch": 0.05}, {"shift": 3.0}], ids=["too sure", "elsewhere"])
def test_a_bad_proposal_is_warned_about(spoiled):
    with pytest.warns(EvidenceWarning, match=r"cannot be trusted for \d+% of the rows .* n_samples"):
        found = evidence(TRUTH.vae(**spoiled))
    assert (found.pareto_k > 0.7).mean() > 0.1
    assert found.value < EXACT.mean()


def test_the_value_is_a_density_in_the_users_units():
    shift, scale = np.array([1.0, -2.0, 0.0, 3.0, 10.0]), np.array([0.1, 2.0, 30.0, 1.0, 0.5])
    preprocessing = Preprocessing(shift, scale)
    raw = X * scale + shift
    found = evidence(TRUTH.vae(), Dataset(raw, preprocessing))
    users = multivariate_normal(TRUTH.bias * scale + shift, np.outer(scale, scale) * TRUTH.covariance)
    np.testing.assert_allclose(found.per_row, users.logpdf(raw), rtol=2e-5)


def test_missing_cells_are_left_out():
    observed = np.array([True, False, True, True, False])
    data = as_dataset(np.where(observed, X, 0), np.tile(observed, (8, 1)))
    found = evidence(TRUTH.vae(observed=observed), data)
    np.testing.assert_allclose(found.per_row, TRUTH.log_evidence(X, observed), rtol=1e-5)


@pytest.mark.parametrize("family", ["full", "diagonal"])
def test_elbo_is_log_p_of_x_less_the_divergence_from_the_true_posterior(family):
    model = TRUTH.vae(family=family, shift=0.1, stretch=1.2)
    expected = np.array([log_p - posterior_gap(model, x[None]) for log_p, x in zip(EXACT, X, strict=True)])
    batches = np.array([elbo(model, as_dataset(X), n_samples=500, key=jax.random.key(seed)) for seed in range(10)])
    error = batches.std(axis=0, ddof=1) / np.sqrt(10)
    assert error.max() < 0.08
    assert (np.abs(batches.mean(axis=0) - expected) < 6 * error).all()  # Student's t with 9 degrees, 8 rows


def test_evidence_says_what_it_is():
    text = str(evidence(imperfect()))
    assert "200 draws per row" in text
    assert "Lebesgue measure" in text


def test_equal_rows_share_their_draws_and_their_errors_add_up():
    # Eight rows, each forty times: the spread of the mean over keys is that of eight rows, and the error says so.
    many = as_dataset(np.repeat(X, 40, axis=0))
    found = [evidence(imperfect(), many, n_samples=50, key=jax.random.key(seed)) for seed in range(60)]
    claimed = np.sqrt(np.mean([one.standard_error**2 for one in found]))
    ratio = np.var([one.value for one in found], ddof=1) / claimed**2 * 59
    assert 1e-4 < chi2(59).cdf(ratio) < 1 - 1e-4


def test_a_row_without_any_density_is_infinitely_unlikely_and_not_nan():
    far = X.copy()
    far[2, 0] = 1e25
    with pytest.warns(EvidenceWarning):
        found = evidence(imperfect(), as_dataset(far))
    assert found.per_row[2] == -np.inf
    assert np.isfinite(np.delete(found.per_row, 2)).all()
    assert not np.isnan(
        np.concatenate([found.per_row_standard_error, found.effective_sample_size, found.pareto_k])
    ).any()


# Models that know their evidence


EXACT_MODELS = {"factors": factor_analyzer(), "full": full_gaussian(), "mixture": mixture()}
SHIFT, SCALE = np.array([1.0, -2.0, 0.0, 3.0, 1e6]), np.array([0.1, 2.0, 30.0, 1.0, 0.5])


def rows_in_units(*, observed=None):
    """Rows in units of the user, as double-precision data, and the textbook's log p(x) of them."""
    raw = X * SCALE + SHIFT
    preprocessing = Preprocessing(SHIFT, SCALE, 1.0, "real", "float64")
    filled = raw if observed is None else np.where(observed, raw, SHIFT)
    seen = np.ones(X.shape, bool) if observed is None else observed
    return Dataset(filled, preprocessing, observed), seen


@pytest.mark.parametrize("name", EXACT_MODELS)
@pytest.mark.parametrize("holes", [False, True], ids=["complete", "holes"])
def test_a_model_that_knows_its_evidence_is_asked(name, holes):
    model = EXACT_MODELS[name]
    data, seen = rows_in_units(observed=random_patterns(8, 5) if holes else None)
    found = evidence(model, data, n_samples=7)
    expected = textbook(model).log_evidence(X, seen) - seen @ np.log(SCALE)
    np.testing.assert_allclose(found.per_row, expected, atol=1e-8)
    assert found.per_row.dtype == np.float64
    assert (found.exact, found.n_samples, found.standard_error) == (True, 0, 0.0)
    np.testing.assert_array_equal(found.per_row_standard_error, 0)
    assert np.isnan(found.effective_sample_size).all()
    assert np.isnan(found.pareto_k).all()
    assert found.value == found.per_row.mean()
    np.testing.assert_allclose(found.sampling_error, expected.std(ddof=1) / np.sqrt(8), rtol=1e-7)
    assert "exact" in str(found)
    # Nothing is drawn: no key shows, and the bound is the evidence itself.
    np.testing.assert_array_equal(evidence(model, data, key=jax.random.key(9)).per_row, found.per_row)
    np.testing.assert_array_equal(elbo(model, data, n_samples=3, key=KEY), found.per_row)
    if holes:
        assert abs(found.per_row[1]) < 1e-12  # nothing was observed there


def test_drawing_from_the_exact_posterior_finds_what_is_known():
    data, _ = rows_in_units(observed=random_patterns(8, 5))
    log_weights = map_rows(LogWeights(20, 20), EXACT_MODELS["mixture"], data, key=KEY)
    known = evidence(EXACT_MODELS["mixture"], data).per_row
    np.testing.assert_allclose(log_weights, np.tile(known[:, None], 20), atol=1e-8)


def test_precision_is_that_of_the_model_and_not_of_jax():
    # Digits that single precision has not: the last column has six before the point.
    data, _ = rows_in_units()
    per_row = evidence(EXACT_MODELS["factors"], data).per_row
    assert not jax.config.jax_enable_x64
    with jax.enable_x64(True):
        np.testing.assert_array_equal(evidence(EXACT_MODELS["factors"], data).per_row, per_row)
    assert evidence(imperfect(), as_dataset(X)).per_row.dtype == np.float64  # summarized in double, computed in single
