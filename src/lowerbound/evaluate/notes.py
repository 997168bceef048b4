"""Notes for the status of a fit: constant features, and parameters that ended at their numerical floor.

A note names features by their names where the rows had some, and by their positions otherwise (``names=None``, as for images).
What the floor is called, and what to do about it, is said by the likelihood or by the model whose parameter rests there.
"""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, PRNGKeyArray

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.evaluate.rows import map_rows
from lowerbound.evaluate.words import counted
from lowerbound.likelihoods.likelihood import AbstractLikelihood
from lowerbound.models.mixture import AnyMixture
from lowerbound.models.model import AbstractGaussianPosteriorModel

_ROWS_LOOKED_AT = 512
_MOST_NAMED = 6

Names = Sequence[str] | None
"""Names of the features; None where they have positions only."""


def _at_floor(model: AbstractGaussianPosteriorModel, datum: Datum, *, key: PRNGKeyArray) -> Bool[Array, "*event"]:
    return model.at_floor(model.encode(datum))


@eqx.filter_jit
def _at_floor_everywhere(likelihood: AbstractLikelihood, event_shape: tuple[int, ...]) -> Bool[Array, "*event"]:
    return likelihood.at_floor(jnp.zeros((likelihood.n_outputs, *event_shape), jnp.float32))


def fit_notes(
    model: AbstractGaussianPosteriorModel,
    likelihood: AbstractLikelihood,
    dataset: Dataset,
    *,
    constant: Bool[np.ndarray, "*event"],
    names: Names,
    key: PRNGKeyArray,
) -> tuple[str, ...]:
    """Sentences about what makes the fitted density suspect; () for a clean fit.

    Parameters
    ----------
    model, likelihood, dataset
        The fitted model, its p(x given z), and its training rows (the first 512 are looked at).
    constant
        True for features without spread in the training rows.
    names
        Names of the features, or None.
    key
        Base of the rows' randomness.
    """
    notes = constant_note(constant, names=names)
    if likelihood.floor is None:
        return notes
    floored = _floored(model, likelihood, dataset, key) & ~constant
    if not floored.any():
        return notes
    parameter, advice, _ = likelihood.floor
    return (*notes, f"The {parameter} of {features_in_words(floored, names=names, verb='rests')} on {advice}")


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
    model: AnyMixture,
    *,
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
    floored = model.components.floored_features() & ~constant.reshape(-1)
    clusters = floored.any(axis=1)
    if clusters.any():
        columns = floored.any(axis=0).reshape(constant.shape)
        notes.append(
            f"The noise of {clusters.sum()} of {len(lost)} clusters rests on its floor, noise_floor = "
            f"{model.components.variance_floor:g} of the variance, in {features_in_words(columns, names=names)}: the density is "
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


def _floored(
    model: AbstractGaussianPosteriorModel, likelihood: AbstractLikelihood, dataset: Dataset, key: PRNGKeyArray
) -> Bool[np.ndarray, "*event"]:
    if likelihood.floor is not None and not likelihood.floor.depends_on_z:
        return np.asarray(_at_floor_everywhere(likelihood, tuple(dataset.event_shape)))
    some = dataset.take(np.arange(min(len(dataset), _ROWS_LOOKED_AT)))
    return map_rows(_at_floor, model, some, key=key).any(axis=0)
