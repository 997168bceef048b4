"""Principal axes against eigenvectors of the covariance matrix written out."""

import numpy as np
import pytest

from lowerbound.data.principal_axes import axes_within, center, principal_axes


def table(n_rows, n_features, *, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_rows, n_features)) * rng.uniform(0.5, 3, n_features) + 10, rng.uniform(0, 2, n_rows)


def weighted_covariance(X, weight):
    return np.cov(X.T, bias=True, aweights=weight)


@pytest.mark.parametrize(("n_rows", "n_features"), [(50, 6), (8, 8), (5, 9)])
def test_axes_are_eigenvectors_and_variances_eigenvalues(n_rows, n_features):
    X, weight = table(n_rows, n_features)
    rows = center(X, weight=weight)
    axes, C = principal_axes(rows, 3), weighted_covariance(X, weight)
    variances = axes.variances * rows.scale**2
    np.testing.assert_allclose(variances, np.linalg.eigvalsh(C)[::-1][:3], rtol=1e-9)
    np.testing.assert_allclose(C @ axes.directions.T, axes.directions.T * variances, atol=1e-9)
    np.testing.assert_allclose(axes.total_variance * rows.scale**2, np.trace(C), rtol=1e-12)
    assert axes.n_varying == 3


def test_rows_are_centred_in_units_of_one_scale():
    X, weight = table(30, 4)
    rows = center(X, weight=weight)
    y = rows.read(slice(0, 30))
    np.testing.assert_allclose(weight @ y, 0, atol=1e-12)
    np.testing.assert_allclose(weight @ np.square(y).sum(axis=1) / weight.sum(), 4, rtol=1e-12)
    np.testing.assert_allclose(y * rows.scale + rows.mean, X, rtol=1e-12)


def test_axes_within_a_span_are_those_of_the_projected_rows():
    X, weight = table(40, 6)
    rows = center(X, weight=weight)
    span = np.random.default_rng(1).normal(size=(6, 2)) * [1.0, 100.0]
    found = axes_within(rows, span)
    projector = span @ np.linalg.pinv(span)
    projected = principal_axes(center(X @ projector, weight=weight), 2)
    np.testing.assert_allclose(found.directions, projected.directions, atol=1e-9)
    assert found.total_variance == pytest.approx(6)
    best = principal_axes(rows, 6)
    np.testing.assert_allclose(axes_within(rows, best.directions[:2].T).variances, best.variances[:2], rtol=1e-9)
    assert found.variances.sum() < 0.99 * best.variances[:2].sum()


def test_signs_are_fixed_by_the_largest_entry():
    X, weight = table(50, 6)
    for rows in (center(X, weight=weight), center(-X, weight=weight)):
        directions = principal_axes(rows, 6).directions
        assert np.all(directions[np.arange(6), np.abs(directions).argmax(axis=1)] > 0)
