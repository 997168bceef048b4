r"""Rotation of loadings to simple structure: varimax, quartimax and promax.

The likelihood of factor analysis sees the loadings W (d, L) through W W^T alone, so that W R fits as well for every orthogonal R;
a rotation picks the one that is easiest to read, with few large entries in a row or a column. With Lambda = W R, varimax and
quartimax maximize the orthomax criterion

    Q(R) = sum_j [ sum_i lambda_ij^4 - (gamma / d) (sum_i lambda_ij^2)^2 ],     gamma = 1 (varimax) or 0 (quartimax)           (1)

by rotations of two columns x, y at a time, each to its best angle, known in closed form: with u = x^2 - y^2 and v = 2 x y,

    tan 4 phi = (2 sum_i u v - 2 (gamma / d) sum_i u sum_i v) / (sum_i (u^2 - v^2) - (gamma / d) ((sum_i u)^2 - (sum_i v)^2))  (2)

where the numerator is the derivative of Q by the angle. The sweeps end where it vanishes, to rounding, in every plane: there
the gradient of Q on the orthogonal matrices is zero, and no rotation in one plane raises Q. Of several starts the
best goes to the end. Promax goes on from varimax to correlated factors: U is the least-squares map from Lambda to the target
sign(lambda_ij) |lambda_ij|^power, which draws small entries to zero, scaled so that factors have variance 1,

    pattern = Lambda U,    Phi = U^-1 U^-T with diag Phi = 1,    pattern Phi pattern^T = W W^T.                                (3)

====================  ==========================================================
W, Lambda             loadings (d, L), before and after; row i is feature i
R (``matrix``)        (L, L) with Lambda = W R: orthogonal, or R U for promax
Phi                   (L, L), correlation of the factors; I for orthogonal ones
====================  ==========================================================

**Kaiser's normalization**, the default: R is sought for rows of W scaled to length 1, and applied to W as it is. The unit in
which a feature is measured scales its row, so only then does R not depend on the units, as the maximal likelihood does not;
the price is that a feature with hardly any loading has as much say as the others. The regression of promax sees the rows as they
are, with the normalization of varimax undone before: this is the convention of R's ``factanal(rotation = "promax")``, power 4
included. U then depends on the units of the features; ``FactorAnalysis`` gives the loadings of columns of variance 1, as R does.

References: Kaiser 1958, The varimax criterion for analytic rotation; Kaiser 1959, Computer program for varimax rotation;
Hendrickson & White 1964, Promax: a quick method for rotation to oblique simple structure; R, ``stats::promax``.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

_N_STARTS = 8  # the principal axes, and random rotations of them
_FIRST_SWEEPS = 15  # from every start; the best goes on
_MAX_SWEEPS = 5000
_AT_REST = 1e-13  # derivative of the criterion by an angle, relative to sum_i (x_i^2 + y_i^2)^2
_RANK = 1e-10  # singular values below this share of the largest are zero
_ZERO_ROW = 1e-14  # rows shorter than this share of the longest are rounding
_SINGULAR = 1e8  # condition number of U above which factors coincide


class Rotation(NamedTuple):
    """Rotated loadings, in columns of falling sum of squares, each with a sum of cubes that is not negative.

    Attributes
    ----------
    loadings
        (d, L): W matrix; for promax the pattern, weights of the correlated factors.
    matrix
        (L, L). Factors z of W become matrix^-1 z.
    factor_correlation
        (L, L): the identity for orthogonal rotations. loadings factor_correlation loadings^T = W W^T.
    """

    loadings: Float[np.ndarray, "d latent"]
    matrix: Float[np.ndarray, "latent latent"]
    factor_correlation: Float[np.ndarray, "latent latent"]


def varimax(loadings: Float[np.ndarray, "d latent"], *, normalize: bool = True) -> Rotation:
    """Orthogonal rotation that maximizes the variance of the squared loadings within columns, equation (1) with gamma = 1.

    Parameters
    ----------
    loadings
        W (d, L), finite; zero rows and columns, and columns that depend on others, are allowed.
    normalize
        Kaiser's normalization of the rows (see the module).

    Raises
    ------
    ValueError
        If the loadings are not finite.

    Examples
    --------
    >>> simple = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> mixed = simple @ np.array([[0.6, 0.8], [-0.8, 0.6]])
    >>> varimax(mixed).loadings.round(6) + 0.0
    array([[2., 0.],
           [1., 0.],
           [0., 1.],
           [0., 1.]])
    """
    values = _checked("varimax", loadings)
    return _sorted_and_signed(values, _orthomax(values, gamma=1.0, normalize=normalize), np.eye(values.shape[1]))


def quartimax(loadings: Float[np.ndarray, "d latent"], *, normalize: bool = True) -> Rotation:
    """Orthogonal rotation that maximizes the sum of the fourth powers of the loadings, equation (1) with gamma = 0.

    It simplifies rows: a general factor, on which all features load, is kept, where varimax divides it.
    Parameters and errors as in :func:`varimax`.
    """
    values = _checked("quartimax", loadings)
    return _sorted_and_signed(values, _orthomax(values, gamma=0.0, normalize=normalize), np.eye(values.shape[1]))


def promax(loadings: Float[np.ndarray, "d latent"], *, power: int | float = 4, normalize: bool = True) -> Rotation:
    """Oblique rotation: varimax, then the least-squares map to its loadings raised to ``power``, equation (3), as in R.

    Parameters
    ----------
    loadings, normalize
        As in :func:`varimax`, whose rotation is the start; the regression sees the rows as they are.
    power
        At least 1; 1 is varimax itself, larger ones allow larger correlations. 4 is Hendrickson and White's choice.

    Raises
    ------
    ValueError
        As :func:`varimax`; also for a power below 1, or one so large that two factors coincide.
    """
    if not (np.isfinite(power) and power >= 1):
        raise ValueError(f"power of promax must be a finite number, at least 1; got {power}. 4 is usual.")
    values = _checked("promax", loadings)
    matrix = _orthomax(values, gamma=1.0, normalize=normalize)
    rotated = _rows(values, normalize=False) @ matrix
    length = np.linalg.norm(rotated, axis=0)
    used = length > _RANK * length.max(initial=0.0)
    simple = rotated[:, used] / length[used]
    largest = np.abs(simple).max(axis=0)  # the scale of a target column is of no account, its underflow is
    target = np.sign(simple) * (np.abs(simple) / largest) ** power
    to_target = np.linalg.lstsq(simple, target, rcond=None)[0] / length[used, None]
    to_target /= np.linalg.norm(to_target, axis=0)
    if used.any() and np.linalg.cond(to_target) > _SINGULAR:
        raise ValueError(
            f"power of promax must leave the factors apart; got {power}, with which two coincide. Lower it."
        )
    oblique = np.eye(len(used))
    oblique[np.ix_(used, used)] = to_target
    inverse = np.linalg.inv(oblique)
    scale = np.linalg.norm(inverse, axis=1)
    return _sorted_and_signed(values, matrix @ (oblique * scale), inverse / scale[:, None])


def _checked(owner: str, loadings: Float[np.ndarray, "d latent"]) -> Float[np.ndarray, "d latent"]:
    values = np.asarray(loadings, np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"loadings of {owner} must be finite; got {np.sum(~np.isfinite(values))} cells that are not.")
    return values


def _rows(loadings: Float[np.ndarray, "d latent"], *, normalize: bool) -> Float[np.ndarray, "d latent"]:
    """The rows that the criterion sees: of length 1, or as they are but for a common scale, against overflow."""
    length = np.linalg.norm(loadings, axis=1, keepdims=True)
    largest = length.max(initial=0.0)
    return (
        loadings / np.where(length > _ZERO_ROW * largest, length, np.inf) if normalize else loadings / (largest or 1.0)
    )


def _orthomax(
    loadings: Float[np.ndarray, "d latent"], *, gamma: float, normalize: bool
) -> Float[np.ndarray, "latent latent"]:
    """The orthogonal R of the largest equation (1)."""
    rows = _rows(loadings, normalize=normalize)
    # Columns beyond the rank of W stay zero: the rotation is sought among the principal axes of the others.
    _, spectrum, axes = np.linalg.svd(np.linalg.qr(rows, mode="r"))
    rank = int(np.sum(spectrum > _RANK * spectrum.max(initial=0.0)))
    axes[:rank] = _best_rotation(rows @ axes[:rank].T, gamma=gamma).T @ axes[:rank]
    left, _, right = np.linalg.svd(axes.T)  # orthogonal to rounding after many small rotations
    return left @ right


def _best_rotation(rows: Float[np.ndarray, "d rank"], *, gamma: float) -> Float[np.ndarray, "rank rank"]:
    """The rotation with the largest criterion that the starts lead to."""
    rank = rows.shape[1]
    draws = np.random.default_rng(0)
    random = [np.linalg.qr(draws.normal(size=(rank, rank)))[0] for _ in range(_N_STARTS - 1 if rank > 1 else 0)]
    starts = np.stack([np.eye(rank), *random])
    raised = _climb(rows, starts, gamma=gamma, sweeps=_FIRST_SWEEPS)
    best = int(np.argmax([_criterion(rows @ matrix, gamma=gamma) for matrix in raised]))
    return _climb(rows, raised[best : best + 1], gamma=gamma, sweeps=_MAX_SWEEPS)[0]


def _criterion(rows: Float[np.ndarray, "d rank"], *, gamma: float) -> float:
    """Equation (1)."""
    squares = rows**2
    return float(np.sum(squares**2) - gamma * np.sum(squares.sum(axis=0) ** 2) / len(rows))


def _climb(
    rows: Float[np.ndarray, "d rank"], matrices: Float[np.ndarray, "starts rank rank"], *, gamma: float, sweeps: int
) -> Float[np.ndarray, "starts rank rank"]:
    """Rotations with a larger criterion: sweeps over all planes until they are at rest, or there were so many."""
    d, rank = rows.shape
    # Column by column, each with its column of the rotation behind it.
    turning = np.concatenate([np.swapaxes(rows @ matrices, 1, 2), np.swapaxes(matrices, 1, 2)], axis=2)
    rounds = _rounds(rank)
    for _ in range(sweeps):
        moved = False
        for first, second in rounds:
            x, y = turning[:, first], turning[:, second]
            u, v = (x**2 - y**2)[..., :d], (2 * x * y)[..., :d]
            sum_u, sum_v = u.sum(axis=2), v.sum(axis=2)
            slope = 2 * np.sum(u * v, axis=2) - 2 * gamma / d * sum_u * sum_v
            curvature = np.sum(u**2 - v**2, axis=2) - gamma / d * (sum_u**2 - sum_v**2)
            at_rest = _AT_REST * np.sum((x**2 + y**2)[..., :d], axis=2) ** 2
            turns = (np.abs(slope) > at_rest) | (curvature < -at_rest)
            if turns.any():
                angle = np.where(turns, np.arctan2(slope, curvature) / 4, 0.0)[..., None]  # equation (2)
                cosine, sine = np.cos(angle), np.sin(angle)
                turning[:, first], turning[:, second] = x * cosine + y * sine, y * cosine - x * sine
                moved = True
        if not moved:
            break
    return np.swapaxes(turning[..., d:], 1, 2)


def _rounds(rank: int) -> list[tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]]:
    """Every pair of columns once, in rounds of disjoint pairs that turn at the same time: a round-robin tournament."""
    size = rank + rank % 2
    order = list(range(size))
    rounds = []
    for _ in range(size - 1):
        pairs = [
            (a, b) for a, b in zip(order[: size // 2], order[: size // 2 - 1 : -1], strict=True) if max(a, b) < rank
        ]
        rounds.append((np.array([a for a, _ in pairs], int), np.array([b for _, b in pairs], int)))
        order = [order[0], order[-1], *order[1:-1]]
    return rounds


def _sorted_and_signed(
    loadings: Float[np.ndarray, "d latent"],
    matrix: Float[np.ndarray, "latent latent"],
    inverse: Float[np.ndarray, "latent latent"],
) -> Rotation:
    """Rotation with its columns by falling sum of squares and their signs fixed; ``inverse`` is U^-1."""
    rotated = loadings @ matrix
    order = np.argsort(-np.sum(rotated**2, axis=0), kind="stable")
    shape = rotated[:, order] / (np.abs(rotated).max(initial=0.0) or 1.0)
    signs = np.where(np.sum(shape**3, axis=0) < 0, -1.0, 1.0)
    inverse = signs[:, None] * inverse[order]
    return Rotation(rotated[:, order] * signs, matrix[:, order] * signs, inverse @ inverse.T)
