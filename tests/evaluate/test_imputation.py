"""Imputation: moments and joint draws against conditionals by matrices, intervals against root finding, and their coverage."""

import jax
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from lowerbound.data.dataset import Dataset
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.evaluate.imputation import completed, predictive_cells, predictive_moments
from tests.gaussians import factor_analyzer, full_gaussian, mixture, random_patterns, textbook

MODELS = {
    "factors": factor_analyzer(seed=1),
    "full": full_gaussian(seed=2),
    "mixture": mixture(seed=1),
    "mixture, full": mixture(2, noise="full", seed=2),
}
every_model = pytest.mark.parametrize("name", MODELS)
KEY = jax.random.key(0)
N = 12
OBSERVED = random_patterns(N, 5, seed=3)


def rows(name, *, n=N, observed=OBSERVED, seed=0):
    X, _ = textbook(MODELS[name]).sample(n, seed=seed)
    return X, dataset(X, observed)


def dataset(X, observed):
    event = X.shape[1:]
    preprocessing = Preprocessing(np.zeros(event), np.ones(event), 1.0, "real", "float64")
    return Dataset(np.where(observed, X, 0.0), preprocessing, observed)


@every_model
def test_moments_are_those_of_the_conditional(name):
    X, data = rows(name)
    found = predictive_moments(MODELS[name], data, key=KEY)
    assert found.mean.dtype == found.variance.dtype == np.float64
    for x, seen, mean, variance in zip(X, OBSERVED, found.mean, found.variance, strict=True):
        if seen.all():
            continue
        expected, covariance = textbook(MODELS[name]).moments_of_missing(x, seen)
        np.testing.assert_allclose(mean[~seen], expected, atol=1e-9)
        np.testing.assert_allclose(variance[~seen], np.diag(covariance), atol=1e-9)


@pytest.mark.parametrize(
    ("name", "coverage"), [("factors", 0.95), ("full", 0.5), ("mixture", 0.95), ("mixture", 0.999)]
)
def test_intervals_end_at_the_quantiles_of_the_mixture(name, coverage):
    X, data = rows(name)
    truth = textbook(MODELS[name])
    found = predictive_cells(MODELS[name], data, coverage=coverage, key=KEY)
    for i, (x, seen) in enumerate(zip(X, OBSERVED, strict=True)):
        r = truth.responsibility(x, seen)
        parts = [truth.conditional(x, seen, k) for k in range(len(r))]
        for place, j in enumerate(np.flatnonzero(~seen)):
            cells = [norm(mean[place], np.sqrt(C[place, place])) for mean, C in parts]
            for end, tail in ((found.lower, 0.5 * (1 - coverage)), (found.upper, 0.5 * (1 + coverage))):
                root = brentq(_excess, -50, 50, args=(r, cells, tail), xtol=1e-13)
                np.testing.assert_allclose(end[i, j], root, atol=1e-8)


def _excess(x, weight, cells, probability):
    return weight @ [cell.cdf(x) for cell in cells] - probability


def test_two_heaps_far_apart_leave_the_interval_where_each_has_its_share():
    # 0.5 N(-100, 1) + 0.5 N(100, 1): the 90 % interval ends at the 10 % quantile of the left and the 90 % one of the right.
    part = factor_analyzer(2, 0)
    model = mixture(2, 2, 0)
    model = type(model)(
        np.log([0.5, 0.5]),
        type(part)(np.array([[-100.0, 0.0], [100.0, 0.0]]), np.zeros((2, 2, 0)), np.zeros((2, 2)), 1e-6, (2,)),
    )
    data = dataset(np.zeros((1, 2)), np.array([[False, True]]))
    found = predictive_cells(model, data, coverage=0.9, key=KEY)
    np.testing.assert_allclose((found.lower[0, 0], found.upper[0, 0]), (-100 + norm.ppf(0.1), 100 + norm.ppf(0.9)))
    moments = predictive_moments(model, data, key=KEY)
    np.testing.assert_allclose((moments.mean[0, 0], moments.variance[0, 0]), (0.0, 100**2 + 1), atol=1e-9)


@pytest.mark.parametrize("name", ["full", "mixture"])
def test_intervals_hold_as_many_cells_as_they_say(name):
    n = 1500
    observed = random_patterns(n, 5, seed=4)
    X, data = rows(name, n=n, observed=observed, seed=5)
    for coverage in (0.5, 0.95):
        found = predictive_cells(MODELS[name], data, coverage=coverage, key=KEY)
        inside = np.mean(((found.lower < X) & (found.upper > X))[~observed])
        # Cells of a row are dependent: the error is that of rows, a little generous.
        assert abs(inside - coverage) < 5 * np.sqrt(coverage * (1 - coverage) / n)


@pytest.mark.parametrize("name", ["full", "mixture"])
def test_draws_are_joint_and_keep_what_was_observed(name):
    n = 500
    X, data = rows(name)
    found = completed(MODELS[name], data, n_draws=n, key=KEY).rows
    assert found.shape == (N, n, 5)
    for x, seen, drawn in zip(X, OBSERVED, found, strict=True):
        np.testing.assert_array_equal(drawn[:, seen], np.tile(x[seen], (n, 1)))
        if seen.all():
            continue
        mean, covariance = textbook(MODELS[name]).moments_of_missing(x, seen)
        centred = drawn[:, ~seen] - mean
        assert np.abs(centred.mean(axis=0) / np.sqrt(np.diag(covariance) / n)).max() < 4.7
        products = centred[:, :, None] * centred[:, None, :]
        assert np.abs((products.mean(axis=0) - covariance) / (products.std(axis=0) / np.sqrt(n))).max() < 5


def test_a_rows_draws_depend_neither_on_its_place_nor_on_its_company():
    _, data = rows("mixture")
    whole = completed(MODELS["mixture"], data, n_draws=3, key=KEY).rows
    order = np.array([7, 2, 5])
    np.testing.assert_allclose(
        completed(MODELS["mixture"], data.take(order), n_draws=3, key=KEY).rows, whole[order], rtol=1e-12
    )
    other = completed(MODELS["mixture"], data, n_draws=3, key=jax.random.key(1)).rows
    assert (other[1] != whole[1]).all()


@pytest.mark.parametrize("name", ["factors", "mixture, full"])
def test_draws_of_equal_rows_are_independent(name):
    n = 3000
    observed = np.tile([True, False, False, True, False], (3, 1))
    one, other = textbook(MODELS[name]).sample(2, seed=5)[0]
    drawn = completed(
        MODELS[name], dataset(np.stack([one, other, one, one]), np.vstack([observed, observed[:1]])), n_draws=n, key=KEY
    ).rows
    missing = drawn[:, :, [1, 2, 4]]
    for first, second in [(0, 2), (0, 3), (2, 3), (0, 1)]:
        assert (missing[first] != missing[second]).all()
        pairs = np.corrcoef(missing[first].T, missing[second].T)[:3, 3:]
        assert np.abs(pairs * np.sqrt(n)).max() < 4.5  # of independent draws: standard normal numbers
    for row in (2, 3):  # draws of one distribution
        gap = (missing[row].mean(axis=0) - missing[0].mean(axis=0)) / (missing[0].std(axis=0) * np.sqrt(2 / n))
        assert np.abs(gap).max() < 4.5


def test_images_keep_their_shape():
    flat, image = (mixture(2, 6, event_shape=shape) for shape in (None, (2, 3)))
    observed = random_patterns(4, 6)
    X, _ = textbook(flat).sample(4, seed=0)
    rows_, images = dataset(X, observed), dataset(X.reshape(4, 2, 3), observed.reshape(4, 2, 3))
    for one, other in (
        (predictive_moments(flat, rows_, key=KEY), predictive_moments(image, images, key=KEY)),
        (
            predictive_cells(flat, rows_, coverage=0.9, key=KEY),
            predictive_cells(image, images, coverage=0.9, key=KEY),
        ),
    ):
        for a, b in zip(one[:-1], other[:-1], strict=True):
            assert b.shape == (4, 2, 3)
            np.testing.assert_allclose(b.reshape(4, 6), a, atol=1e-12)
    assert completed(image, images, n_draws=2, key=KEY).rows.shape == (4, 2, 2, 3)
