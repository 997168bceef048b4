"""Rotations reach the maximum of their criterion, and leave W W^T and Phi as they have to be."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.decomposition._factor_analysis import _ortho_rotation

from lowerbound.models.rotation import Rotation, promax, quartimax, varimax

ORTHOMAX = {"varimax": (varimax, 1.0), "quartimax": (quartimax, 0.0)}
ALL = (varimax, quartimax, promax)


@pytest.fixture(params=[(6, 2), (12, 3), (30, 7), (4, 4)], ids=str)
def loadings(request: pytest.FixtureRequest) -> np.ndarray:
    """Loadings of which a few are large in every row."""
    draws = np.random.default_rng(sum(request.param))
    return draws.normal(size=request.param) * draws.gamma(0.5, size=request.param)


def criterion(loadings: np.ndarray, *, gamma: float) -> float:
    """Equation (1), as in the papers: sums over rows, one column at a time."""
    d, columns = len(loadings), loadings.T
    return sum(float(np.sum(column**4) - gamma / d * np.sum(column**2) ** 2) for column in columns)


def gradient(loadings: np.ndarray, *, gamma: float) -> np.ndarray:
    """Derivative of the criterion by the angles of all planes: the skew part of Lambda^T dQ/dLambda."""
    slope = loadings.T @ (4 * loadings**3 - 4 * gamma / len(loadings) * loadings * np.sum(loadings**2, axis=0))
    return slope - slope.T


def unit_rows(loadings: np.ndarray) -> np.ndarray:
    return loadings / np.linalg.norm(loadings, axis=1, keepdims=True)


def check_identities(found: Rotation, loadings: np.ndarray) -> None:
    """What holds of every rotation of these loadings."""
    latent_dim = loadings.shape[1]
    size = np.abs(loadings).max() ** 2 or 1.0
    covariance = found.loadings @ found.factor_correlation @ found.loadings.T
    np.testing.assert_allclose(covariance, loadings @ loadings.T, rtol=0, atol=1e-13 * latent_dim * size)
    np.testing.assert_allclose(found.loadings, loadings @ found.matrix, rtol=0, atol=1e-12 * size**0.5)
    back = found.matrix @ found.factor_correlation @ found.matrix.T
    rounding = 1e-15 * np.linalg.cond(found.matrix) ** 2
    np.testing.assert_allclose(back, np.eye(latent_dim), rtol=0, atol=1e-12 + rounding)
    np.testing.assert_allclose(np.diag(found.factor_correlation), 1.0, rtol=1e-12)
    squares = np.sum(found.loadings**2, axis=0)
    assert np.all(np.diff(squares) <= 1e-12 * squares.max())
    assert np.all(np.sum(found.loadings**3, axis=0) >= -1e-14 * size**1.5)


@pytest.mark.parametrize("rotate", ALL)
@pytest.mark.parametrize("normalize", [True, False])
def test_covariance_order_and_signs(rotate: Callable[..., Rotation], normalize: bool, loadings: np.ndarray):
    found = rotate(loadings, normalize=normalize)
    check_identities(found, loadings)
    if rotate is not promax:
        np.testing.assert_array_equal(found.factor_correlation, np.eye(loadings.shape[1]))


@pytest.mark.parametrize("name", ORTHOMAX)
@pytest.mark.parametrize("normalize", [True, False])
def test_the_gradient_of_the_criterion_is_zero(name: str, normalize: bool, loadings: np.ndarray):
    rotate, gamma = ORTHOMAX[name]
    found = rotate(loadings, normalize=normalize)
    rows = unit_rows(found.loadings) if normalize else found.loadings
    assert np.abs(gradient(rows, gamma=gamma)).max() < 1e-11 * np.sum(rows**2) ** 2
    start = unit_rows(loadings) if normalize else loadings
    assert np.abs(gradient(start, gamma=gamma)).max() > 1e-3 * np.sum(rows**4)  # it was not to begin with


@pytest.mark.parametrize("name", ORTHOMAX)
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_no_angle_is_better_for_two_factors(name: str, normalize: bool, seed: int):
    rotate, gamma = ORTHOMAX[name]
    loadings = np.random.default_rng(seed).normal(size=(5, 2))
    found = rotate(loadings, normalize=normalize).loadings
    rows, rotated = (unit_rows(loadings), unit_rows(found)) if normalize else (loadings, found)
    angles = np.linspace(0, np.pi / 2, 2001)
    searched = [
        criterion(rows @ np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]), gamma=gamma) for a in angles
    ]
    assert criterion(rotated, gamma=gamma) == pytest.approx(max(searched), rel=1e-5)
    assert criterion(rotated, gamma=gamma) >= max(searched) * (1 - 1e-13)


@pytest.mark.parametrize("name", ORTHOMAX)
@pytest.mark.parametrize("shape", [(8, 3), (20, 6), (40, 12)], ids=str)
def test_at_least_scikit_learns_criterion(name: str, shape: tuple[int, int]):
    rotate, gamma = ORTHOMAX[name]
    for seed in range(5):
        draws = np.random.default_rng(seed)
        loadings = draws.normal(size=shape) * draws.gamma(0.5, size=shape)
        theirs = _ortho_rotation(loadings, method=name, tol=1e-12, max_iter=5000)
        theirs = theirs if theirs.shape == shape else theirs.T
        ours = rotate(loadings, normalize=False).loadings
        assert criterion(ours, gamma=gamma) >= criterion(theirs, gamma=gamma) * (1 - 1e-10)
        if shape == (8, 3):  # one maximum: the same columns, up to order and signs
            agreement = np.abs(np.corrcoef(ours.T, theirs.T)[:3, 3:]).max(axis=1)
            np.testing.assert_allclose(agreement, 1.0, atol=1e-6)


@pytest.mark.parametrize("rotate", ALL)
def test_simple_structure_is_found_again(rotate: Callable[..., Rotation]):
    simple = np.zeros((12, 3))
    for j, rows in enumerate(np.split(np.arange(12), [5, 9])):
        simple[rows, j] = np.linspace(1.0, 0.6, len(rows))
    mix = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    found = rotate(simple @ mix)
    np.testing.assert_allclose(found.loadings, simple, atol=1e-12)
    np.testing.assert_allclose(found.factor_correlation, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("rotate", ALL)
@pytest.mark.parametrize("normalize", [True, False])
def test_the_rotation_given_is_of_no_account(rotate: Callable[..., Rotation], normalize: bool, loadings: np.ndarray):
    latent_dim = loadings.shape[1]
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(latent_dim, latent_dim)))[0]
    found, turned = rotate(loadings, normalize=normalize), rotate(loadings @ turn, normalize=normalize)
    np.testing.assert_allclose(turned.loadings, found.loadings, atol=1e-6)
    np.testing.assert_allclose(turned.factor_correlation, found.factor_correlation, atol=1e-6)


@pytest.mark.parametrize("rotate", [varimax, quartimax])  # promax sees the rows as they are
def test_units_of_the_features_matter_only_without_normalization(rotate: Callable[..., Rotation], loadings: np.ndarray):
    units = np.random.default_rng(2).lognormal(sigma=2.0, size=(len(loadings), 1))

    def distance(normalize: bool) -> float:
        """Between the directions of the columns, which may come in another order and with other signs."""
        first, second = (rotate(x, normalize=normalize).matrix for x in (loadings, units * loadings))
        first, second = (matrix / np.linalg.norm(matrix, axis=0) for matrix in (first, second))
        return float(np.abs(1.0 - np.abs(first.T @ second).max(axis=0)).max())

    assert distance(True) < 1e-9
    assert distance(False) > 1e-3


def test_the_scale_of_the_loadings_is_of_no_account(loadings: np.ndarray):
    for rotate in ALL:
        for scale in (1e-100, 1e100):
            scaled = rotate(scale * loadings, normalize=False)
            np.testing.assert_allclose(scaled.loadings, scale * rotate(loadings, normalize=False).loadings, rtol=1e-6)


@pytest.mark.parametrize("power", [1, 2, 4, 4.5, 10])
def test_promax_is_the_regression_on_powers(power: int | float, loadings: np.ndarray):
    """R's recipe, step by step: varimax of normalized rows, and the regression on its loadings, normalization undone."""
    start = varimax(loadings).loadings
    target = np.abs(start) ** (power - 1) * start
    to_target = np.linalg.lstsq(start, target, rcond=None)[0]
    to_target = to_target * np.sqrt(np.diag(np.linalg.inv(to_target.T @ to_target)))
    pattern = start @ to_target
    correlation = np.linalg.inv(to_target.T @ to_target)
    found = promax(loadings, power=power)
    order = np.argsort(-np.sum(pattern**2, axis=0))
    signs = np.sign(np.sum(pattern[:, order] ** 3, axis=0))
    np.testing.assert_allclose(found.loadings, pattern[:, order] * signs, rtol=1e-6, atol=1e-8)
    expected = signs[:, None] * correlation[np.ix_(order, order)] * signs
    np.testing.assert_allclose(found.factor_correlation, expected, rtol=1e-6, atol=1e-8)
    if power == 1:
        np.testing.assert_allclose(found.loadings, start, atol=1e-12)


def test_promax_finds_correlated_factors():
    simple = np.kron(np.eye(2), np.linspace(1.0, 0.5, 6)[:, None])
    truth = np.array([[1.0, 0.5], [0.5, 1.0]])
    loadings = simple @ np.linalg.cholesky(truth)
    found = promax(loadings)
    np.testing.assert_allclose(found.factor_correlation, truth, atol=0.03)
    np.testing.assert_allclose(np.sort(found.loadings, axis=1), np.sort(simple, axis=1), atol=0.03)
    assert np.sort(np.abs(varimax(loadings).loadings), axis=1)[:, 0].max() > 0.2  # which varimax cannot


@pytest.mark.parametrize("rotate", ALL)
def test_one_factor_keeps_its_loadings(rotate: Callable[..., Rotation]):
    loadings = np.array([[-1.0], [0.5], [0.0], [-2.0]])
    found = rotate(loadings)
    np.testing.assert_allclose(found.loadings, -loadings, atol=1e-15)
    np.testing.assert_allclose(found.matrix, [[-1.0]])
    np.testing.assert_allclose(found.factor_correlation, [[1.0]])


@pytest.mark.parametrize("rotate", ALL)
@pytest.mark.parametrize("normalize", [True, False])
def test_zero_rows_and_columns(rotate: Callable[..., Rotation], normalize: bool, loadings: np.ndarray):
    d, latent_dim = loadings.shape
    padded = np.zeros((d + 2, latent_dim + 2))
    padded[1:-1, 1:-1] = loadings
    found = rotate(padded, normalize=normalize)
    check_identities(found, padded)
    np.testing.assert_array_equal(found.loadings[[0, -1]], 0.0)
    np.testing.assert_allclose(found.loadings[:, latent_dim:], 0.0, atol=1e-14)
    if rotate is quartimax:  # the number of rows is in the criterion of the others
        expected = rotate(loadings, normalize=normalize).loadings
        np.testing.assert_allclose(found.loadings[1:-1, :latent_dim], expected, atol=1e-6)


@pytest.mark.parametrize("rotate", ALL)
@pytest.mark.parametrize("shape", [(5, 3), (5, 1), (1, 1), (1, 3), (2, 5)], ids=str)
def test_no_loadings_at_all_and_fewer_features_than_factors(rotate: Callable[..., Rotation], shape: tuple[int, int]):
    found = rotate(np.zeros(shape))
    np.testing.assert_array_equal(found.loadings, np.zeros(shape))
    check_identities(found, np.zeros(shape))
    loadings = np.random.default_rng(0).normal(size=shape)
    check_identities(rotate(loadings), loadings)


@pytest.mark.parametrize("rotate", ALL)
def test_a_column_that_depends_on_the_others_turns_zero(rotate: Callable[..., Rotation]):
    loadings = np.random.default_rng(0).normal(size=(9, 3))
    loadings[:, 2] = loadings[:, 0] - 2 * loadings[:, 1]
    found = rotate(loadings)
    check_identities(found, loadings)
    np.testing.assert_allclose(found.loadings[:, 2], 0.0, atol=1e-13)
    np.testing.assert_allclose(found.factor_correlation[2], [0, 0, 1], atol=1e-12)


@pytest.mark.parametrize("rotate", ALL)
def test_bad_loadings_and_powers_are_named(rotate: Callable[..., Rotation]):
    with pytest.raises(ValueError, match=f"loadings of {rotate.__name__} must be finite; got 1 cells that are not."):
        rotate(np.array([[1.0, np.nan], [0.0, 1.0]]))
    for power in (0.5, np.nan, np.inf):
        with pytest.raises(ValueError, match="power of promax must be a finite number, at least 1; got"):
            promax(np.eye(3), power=power)
