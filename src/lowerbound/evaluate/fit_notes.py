"""Notes of a fit by gradient: constant features, and parameters of the likelihood that ended at their numerical floor."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, PRNGKeyArray

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.evaluate.notes import Names, constant_note, features_in_words
from lowerbound.evaluate.rows import map_rows
from lowerbound.likelihoods.likelihood import AbstractLikelihood
from lowerbound.models.model import AbstractGaussianPosteriorModel

_ROWS_LOOKED_AT = 512


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


def _floored(
    model: AbstractGaussianPosteriorModel, likelihood: AbstractLikelihood, dataset: Dataset, key: PRNGKeyArray
) -> Bool[np.ndarray, "*event"]:
    if likelihood.floor is not None and not likelihood.floor.depends_on_z:
        return np.asarray(_at_floor_everywhere(likelihood, tuple(dataset.event_shape)))
    some = dataset.take(np.arange(min(len(dataset), _ROWS_LOOKED_AT)))
    return map_rows(_at_floor, model, some, key=key).any(axis=0)
