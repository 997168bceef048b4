r"""Principal axes: the orthonormal directions in which rows vary most, for rows that carry weights.

    C = \sum_n w_n y_n y_n^T / \sum_n w_n,      y = (x - mean) / s                                                (1)
    C a_k = v_k a_k,      v_1 >= v_2 >= …                                                                         (2)

s is one number, the root mean square deviation of the features, so that \sum_k v_k = the number of features; it changes no axis.
Features without spread take no part. Everything is float64.

Reference: C. Eckart, G. Young, "The approximation of one matrix by another of lower rank", Psychometrika 1, 1936.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Bool, Float, Shaped

from lowerbound.data.moments import Reader, covariance, means, no_spread, reader, variances

_ROUGH_FROM = 256  # columns from which a rough answer is worth another method
_ROUGH_STEPS, _OVERSAMPLED = 4, 10
_NO_VARIANCE = 1e-12  # of all variance: what rounding leaves in a direction without any


class CentredRows(NamedTuple):
    """y of equation (1), a slice of rows at a time.

    Attributes
    ----------
    read
        From a slice of row numbers to these y.
    weight
        w.
    mean, scale
        Mean of x, and s; 1 where nothing varies.
    constant
        True for features without spread, whose y is 0.
    """

    read: Reader
    weight: Float[np.ndarray, " n"]
    mean: Float[np.ndarray, " features"]
    scale: float
    constant: Bool[np.ndarray, " features"]


class PrincipalAxes(NamedTuple):
    """Solutions of equation (2).

    Attributes
    ----------
    directions
        a, orthonormal, by falling variance; the largest entry in size of each is positive.
    variances
        v.
    total_variance
        Sum of all v: those along the directions and those left out.
    """

    directions: Float[np.ndarray, "axes features"]
    variances: Float[np.ndarray, " axes"]
    total_variance: float

    @property
    def n_varying(self) -> int:
        """Number of directions along which the rows vary at all."""
        return int(np.sum(self.variances > _NO_VARIANCE * self.total_variance))


class Spectrum(NamedTuple):
    """Leading eigenvalues of a covariance, falling, their vectors as columns, and the mean of the other eigenvalues.

    Where none are left, the smallest one stands in for that mean.
    """

    values: Float[np.ndarray, " axes"]
    vectors: Float[np.ndarray, "features axes"]
    rest: float


def spectrum_of_covariance(
    matrix: Float[np.ndarray, "features features"], n_axes: int, *, rough: bool = False
) -> Spectrum:
    """The first ``n_axes`` of a covariance; a rough one is a start for iterations: good where the axes stand out, and quick.

    Examples
    --------
    >>> found = spectrum_of_covariance(np.diag([1.0, 5.0, 3.0]), 1)
    >>> found.values.tolist(), np.abs(found.vectors[:, 0]).tolist(), found.rest
    ([5.0], [0.0, 1.0, 0.0], 2.0)
    """
    size = len(matrix)
    if rough and size >= _ROUGH_FROM and 4 * n_axes < size:
        found = _rough_eigenpairs(matrix, n_axes)
    else:
        found = scipy.linalg.eigh(matrix, subset_by_index=(size - n_axes, size - 1))
    order = np.argsort(-found[0], kind="stable")
    values, vectors = found[0][order], found[1][:, order]
    rest = (np.trace(matrix) - values.sum()) / (size - n_axes) if n_axes < size else values[-1]
    return Spectrum(values, vectors, float(max(rest, 0.0)))


def _rough_eigenpairs(
    matrix: Float[np.ndarray, "features features"], n_axes: int
) -> tuple[Float[np.ndarray, " axes"], Float[np.ndarray, "features axes"]]:
    """Largest eigenvalues by iteration of a random subspace and Rayleigh-Ritz (Halko, Martinsson & Tropp 2011, algorithm 4.4)."""
    basis = np.random.default_rng(0).normal(size=(len(matrix), n_axes + _OVERSAMPLED))
    for _ in range(_ROUGH_STEPS):
        basis, _ = np.linalg.qr(matrix @ basis)
    values, turn = np.linalg.eigh(basis.T @ matrix @ basis)
    return values[_OVERSAMPLED:], basis @ turn[:, _OVERSAMPLED:]


def spectrum_of_rows(rows: Float[np.ndarray, "rows features"], n_axes: int, *, rough: bool = False) -> Spectrum:
    """Spectrum of rows^T rows / n, by the rows' inner products where there are fewer of them than columns.

    Axes beyond the number of rows have eigenvalue 0, and are arbitrary.
    """
    n_rows, n_features = rows.shape
    if n_features <= n_rows:
        return spectrum_of_covariance(rows.T @ rows / n_rows, n_axes, rough=rough)
    n_found = min(n_axes, n_rows)
    inner = spectrum_of_covariance(rows @ rows.T / n_rows, n_found, rough=rough)
    found = rows.T @ inner.vectors
    length = np.linalg.norm(found, axis=0)
    known = length > 1e-10 * max(length.max(), 1e-300)
    directions = _completed((found[:, known] / length[known]).T, n_axes).T
    values = np.pad(np.where(known, inner.values, 0.0), (0, n_axes - n_found))
    total = np.einsum("rd,rd->", rows, rows) / n_rows
    return Spectrum(values, directions, float(max(total - values.sum(), 0.0) / max(n_features - n_axes, 1)))


def center(X: Shaped[np.ndarray, "n *event"], *, weight: Float[np.ndarray, " n"]) -> CentredRows:
    """The y of finite rows x of any shape, as vectors.

    Examples
    --------
    >>> rows = center(np.array([[1.0, 7.0], [5.0, 7.0]]), weight=np.ones(2))
    >>> rows.mean.tolist(), round(rows.scale**2, 6), rows.constant.tolist()
    ([3.0, 7.0], 2.0, [False, True])
    """
    given, n_features = reader(X), int(np.prod(X.shape[1:]))
    mean = means(given, len(X), n_features, weight=weight)[0]
    variance = variances(given, len(X), weight=weight, mean=mean)
    constant = no_spread(variance, mean)
    scale = float(np.sqrt(np.mean(np.where(constant, 0.0, variance)))) or 1.0

    def read(rows: slice) -> Float[np.ndarray, "rows features"]:
        # The rounding of a constant's mean must not pass for spread, however small that of other features is.
        return np.where(constant, 0.0, (given(rows) - mean) / scale)

    return CentredRows(read, weight, mean, scale, constant)


def principal_axes(rows: CentredRows, n_axes: int) -> PrincipalAxes:
    """The first axes: eigenvectors of C, or with fewer rows than features, the same as singular vectors of the rows.

    Beyond the number of rows the axes are arbitrary, orthonormal, and always the same.

    Examples
    --------
    >>> rows = center(np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]]), weight=np.ones(3))
    >>> principal_axes(rows, 1).directions.round(6).tolist()
    [[0.6, 0.8]]
    """
    n_rows, n_features = len(rows.weight), len(rows.mean)
    if n_rows < n_features:
        share = np.sqrt(rows.weight / rows.weight.sum())[:, None]
        _, singular, found = scipy.linalg.svd(
            share * rows.read(slice(0, n_rows)), full_matrices=False, overwrite_a=True, check_finite=False
        )
        spectrum, directions = np.square(singular), _completed(found[:n_axes], n_axes)
        total = float(spectrum.sum())
    else:
        matrix = covariance(rows.read, n_rows, weight=rows.weight, mean=np.zeros(n_features))
        total = float(np.trace(matrix))
        leading = spectrum_of_covariance(matrix, n_axes)
        spectrum, directions = leading.values, leading.vectors.T
    found_variances = np.maximum(spectrum[:n_axes], 0.0)
    return PrincipalAxes(_with_signs(directions), np.pad(found_variances, (0, n_axes - len(found_variances))), total)


def axes_within(rows: CentredRows, span: Float[np.ndarray, "features axes"]) -> PrincipalAxes:
    """The principal axes of the rows' projections on the span of the given columns."""
    basis, _ = np.linalg.qr(span)
    n_rows, (n_features, n_axes) = len(rows.weight), span.shape
    inside = covariance(lambda part: rows.read(part) @ basis, n_rows, weight=rows.weight, mean=np.zeros(n_axes))
    spectrum, found = scipy.linalg.eigh(inside)
    total = variances(rows.read, n_rows, weight=rows.weight, mean=np.zeros(n_features)).sum()
    return PrincipalAxes(_with_signs(found.T[::-1] @ basis.T), np.maximum(spectrum[::-1], 0.0), float(total))


def _completed(directions: Float[np.ndarray, "found features"], n_axes: int) -> Float[np.ndarray, "axes features"]:
    """The directions, followed by as many orthonormal to them as are missing."""
    others = np.random.default_rng(0).normal(size=(n_axes - len(directions), directions.shape[1]))
    basis, _ = np.linalg.qr(np.concatenate([directions, others]).T)
    return np.concatenate([directions, basis.T[len(directions) :]])


def _with_signs(directions: Float[np.ndarray, "axes features"]) -> Float[np.ndarray, "axes features"]:
    """Each direction, or its opposite where its largest entry in size is negative."""
    largest = np.take_along_axis(directions, np.argmax(np.abs(directions), axis=1)[:, None], axis=1)
    return np.ascontiguousarray(np.where(largest < 0, -directions, directions))
