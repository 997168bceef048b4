"""Arrays that figures can show: images and numbers, checked with one clear error, and grey levels on one scale."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Shaped


def check_images(
    array: Shaped[np.ndarray, "..."], *, owner: str, name: str, leading: tuple[str, ...] = ("n",)
) -> Float[np.ndarray, "..."]:
    r"""Finite images as (\*leading, height, width) or (\*leading, height, width, 3), float64, or a clear error.

    Parameters
    ----------
    array
        (\*leading, height, width), or the same with 1 or 3 channels at the end; booleans, integers or reals.
    owner, name
        The function and its argument, for the error.
    leading
        Names of the axes in front of the height, for the error.
    """
    check_numeric(array, owner=owner, name=name)
    n_axes = len(leading) + 2
    coloured = array.ndim == n_axes + 1
    if array.ndim not in (n_axes, n_axes + 1) or (coloured and array.shape[-1] not in (1, 3)):
        front = ", ".join(leading)
        raise ValueError(
            f"{name} of {owner} must hold images, ({front}, height, width) or ({front}, height, width, 1 or 3 channels); got "
            f"shape {array.shape}. Reshape it, such as {name}.reshape({'-1, ' * len(leading)}8, 8)."
        )
    if array.size == 0:
        raise ValueError(f"{name} of {owner} must hold at least one image; got shape {array.shape}.")
    images = array[..., 0] if coloured and array.shape[-1] == 1 else array
    if not np.isfinite(images).all():
        raise ValueError(f"{name} of {owner} must be finite; got NaN or infinite pixels.")
    return images.astype(np.float64)


def check_numeric(array: Shaped[np.ndarray, "..."], *, owner: str, name: str) -> None:
    """Raise unless the argument is an array of booleans, integers or reals."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"{name} of {owner} must be an array of numbers; got {kind}.")


def check_vector(
    values: Shaped[np.ndarray, "..."] | Sequence[float | int],
    *,
    owner: str,
    name: str,
    length: int | None = None,
    per: str = "",
) -> Float[np.ndarray, " n"]:
    """Finite numbers as a vector in float64, of the given length, or a clear error; ``per`` says what each belongs to."""
    array = np.asarray(values)
    check_numeric(array, owner=owner, name=name)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} of {owner} must be a vector of one or more numbers; got shape {array.shape}.")
    if length is not None and len(array) != length:
        raise ValueError(f"{name} of {owner} must have one number per {per} = {length}; got {len(array)}.")
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} of {owner} must be finite; got {int((~np.isfinite(array)).sum())} NaN or infinite ones."
        )
    return array.astype(np.float64)


def check_count(value: int, *, owner: str, name: str) -> int:
    """The value, if it is at least 1."""
    if value < 1:
        raise ValueError(f"{name} of {owner} must be at least 1; got {value}.")
    return value


def black_and_white(
    value_range: tuple[float, float] | None, images: Iterable[Float[np.ndarray, "..."]], *, owner: str
) -> tuple[float, float]:
    """The values shown as black and as white: those given, or the smallest and the largest of all images."""
    if value_range is None:
        shown = list(images)
        return min(float(array.min()) for array in shown), max(float(array.max()) for array in shown)
    black, white = value_range
    if not (np.isfinite(black) and np.isfinite(white) and black <= white):
        raise ValueError(f"value_range of {owner} must ascend and be finite; got {value_range}.")
    return float(black), float(white)


def shade(images: Float[np.ndarray, "..."], limits: tuple[float, float]) -> Float[np.ndarray, "..."]:
    """Values as shades from 0, black, to 1, white; those outside the limits become black or white."""
    black, white = limits
    return np.clip((images - black) / ((white - black) or 1.0), 0, 1)
