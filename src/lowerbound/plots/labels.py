"""Labels of rows as colours: a few groups with names, or numbers along a scale."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from lowerbound.plots.style import COLOURS

_MOST = len(COLOURS)
_OTHER = "#c4c4c4"
_LONGEST = 24  # characters of a name


class Group(NamedTuple):
    """A name and its colour."""

    name: str
    colour: str


class Labels(NamedTuple):
    """Either numbers, for a scale, or groups and the number of each row's group."""

    numbers: Float[np.ndarray, " n"] | None
    groups: tuple[Group, ...]
    group: Int[np.ndarray, " n"]


def read_labels(
    labels: Shaped[np.ndarray, "..."] | Sequence[str] | Sequence[float | int], *, owner: str, n: int
) -> Labels:
    """Groups for up to ten different labels, numbers for more numbers, "other" for the rest of more strings.

    Examples
    --------
    >>> read_labels(["b", "a", "b"], owner="latent_figure", n=3).groups
    (Group(name='a', colour='#0072B2'), Group(name='b', colour='#E69F00'))
    """
    array = np.asarray(labels)
    if array.ndim != 1 or len(array) != n:
        raise ValueError(f"labels of {owner} must be one per row = {n}; got shape {array.shape}.")
    numeric = array.dtype.kind in "iuf"
    if numeric and not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise ValueError(f"labels of {owner} must be finite; got {bad} NaN or infinite ones. Drop these rows.")
    values, group, counts = np.unique(
        array if array.dtype.kind in "biuf" else array.astype(str), return_inverse=True, return_counts=True
    )
    nothing = np.zeros(0, int)
    if len(values) > _MOST and numeric:
        return Labels(array.astype(np.float64), (), nothing)
    if len(values) <= _MOST:
        names = [_name(value) for value in values]
        return Labels(None, tuple(map(Group, names, COLOURS)), group)
    common = np.sort(np.argsort(-counts, kind="stable")[: _MOST - 1])
    renumbered = np.full(len(values), _MOST - 1)
    renumbered[common] = np.arange(_MOST - 1)
    rest = Group(f"other ({len(values) - len(common)} labels)", _OTHER)
    return Labels(None, (*map(Group, [_name(values[k]) for k in common], COLOURS), rest), renumbered[group])


def _name(value: object) -> str:
    text = f"{value:g}" if isinstance(value, np.floating) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
