"""Notes for the status of a fit: constant features, and parameters that ended at their numerical floor.

A note names features by their names where the rows had some, and by their positions otherwise (``names=None``, as for images).
What the floor is called, and what to do about it, is said by the likelihood or by the model whose parameter rests there.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from lowerbound.evaluate.words import counted

_MOST_NAMED = 6

Names = Sequence[str] | None
"""Names of the features; None where they have positions only."""


def constant_note(constant: Bool[np.ndarray, "*event"], *, names: Names = None) -> tuple[str, ...]:
    """A sentence that names the constant features; () if there are none."""
    if not constant.any():
        return ()
    return (
        f"{features_in_words(constant, names=names, verb='is')} constant in the training rows: a density there is meaningless. "
        f"Leave {'it' if constant.sum() == 1 else 'them'} out (sklearn.feature_selection.VarianceThreshold).",
    )


def floor_note(floored: Bool[np.ndarray, "*event"], *, floor: float, names: Names = None) -> tuple[str, ...]:
    """A sentence that names the features whose noise variance fitting would take to zero (Heywood cases); () if none."""
    if not floored.any():
        return ()
    return (
        f"The noise variance of {features_in_words(floored, names=names, verb='rests')} on its floor, noise_floor = {floor:g} of "
        "the variance (a Heywood case): the factors explain all of it, and the density is bounded by that floor only. Lower "
        "latent_dim, leave out duplicated columns, give more rows, or raise noise_floor.",
    )


def cluster_notes(
    floored: Bool[np.ndarray, "clusters features"],
    *,
    floor: float,
    lost: Bool[np.ndarray, " clusters"],
    constant: Bool[np.ndarray, "*event"],
    names: Names = None,
) -> tuple[str, ...]:
    """Sentences on clusters that lost their rows, and on those whose noise rests on its floor; () if there are none."""
    notes = []
    if lost.any():
        notes.append(
            f"{counted(int(lost.sum()), 'cluster')} {'has' if lost.sum() == 1 else 'have'} hardly a row left: the data do not "
            f"ask for {len(lost)}. Lower n_clusters, or raise n_init."
        )
    floored = floored & ~constant.reshape(-1)
    clusters = floored.any(axis=1)
    if clusters.any():
        columns = np.any(floored, axis=0).reshape(constant.shape)
        notes.append(
            f"The noise of {clusters.sum()} of {len(lost)} clusters rests on its floor, noise_floor = "
            f"{floor:g} of the variance, in {features_in_words(columns, names=names)}: the density is "
            "bounded by that floor only. Raise noise_floor, lower n_clusters, give more rows, or look for repeated values."
        )
    return tuple(notes)


def features_in_words(
    mask: Bool[np.ndarray, "*event"], *, names: Names = None, noun: str = "feature", verb: str = ""
) -> str:
    """The features where the mask is True, the first few by name or position, with a verb in their number.

    >>> (
    ...     features_in_words(np.array([True, False, True]), verb="is"),
    ...     features_in_words(np.array([False, True]), names=["a", "b"]),
    ... )
    ('2 features (0, 2) are', '1 feature (b)')
    """
    positions = np.argwhere(mask)
    shown = [_name(position, names) for position in positions[:_MOST_NAMED]]
    listed = ", ".join(shown) + (", …" if len(positions) > _MOST_NAMED else "")
    in_number = verb if len(positions) == 1 else {"is": "are"}.get(verb, verb.removesuffix("s"))
    return f"{counted(len(positions), noun)} ({listed}) {in_number}".rstrip()


def _name(position: np.ndarray, names: Names) -> str:
    if len(position) > 1:
        return str(tuple(map(int, position)))
    return str(int(position[0])) if names is None else names[int(position[0])]
