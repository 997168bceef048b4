"""Notes for the status of a fit: constant features, and scales that ended at their numerical floor."""

import equinox as eqx
import numpy as np
from jaxtyping import Array, Bool, PRNGKeyArray

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.evaluate.rows import map_rows
from lowerbound.likelihoods.gaussian import SCALE_FLOOR, FeatureScaleGaussian, NetworkScaleGaussian
from lowerbound.likelihoods.poisson import Poisson
from lowerbound.models.vae import VAE

_ROWS_LOOKED_AT = 512


def _at_floor(model: VAE, datum: Datum, *, key: PRNGKeyArray) -> Bool[Array, "*event"]:
    return model.likelihood.at_floor(model.decoder(model.encode(datum)))


@eqx.filter_jit
def _learned_at_floor(likelihood: FeatureScaleGaussian) -> Bool[Array, "*event"]:
    return likelihood.at_floor(likelihood.free_log_scale[None])


def fit_notes(
    model: VAE, dataset: Dataset, *, constant: Bool[np.ndarray, "*event"], key: PRNGKeyArray
) -> tuple[str, ...]:
    """Sentences about what makes the fitted density suspect; () for a clean fit.

    Parameters
    ----------
    model, dataset
        The fitted model and its training rows (the first 512 are looked at).
    constant
        True for features without spread in the training rows.
    key
        Base of the rows' randomness.
    """
    notes = []
    if constant.any():
        notes.append(
            f"{_name(constant)} constant in the training rows: a density there is meaningless. Leave "
            f"{'it' if constant.sum() == 1 else 'them'} out (sklearn.feature_selection.VarianceThreshold)."
        )
    floored = _floored(model, dataset, key) & ~constant
    if floored.any() and isinstance(model.likelihood, Poisson):
        notes.append(
            f"The rate of {_name(floored, verb='rests')} on its numerical bound (exp of -20 or 20). Columns of zeros, or of very "
            "large counts, do this: leave them out or rescale them."
        )
    elif floored.any():
        notes.append(
            f"The noise scale of {_name(floored, verb='rests')} on its floor of {SCALE_FLOOR:g} (in units of the data the model "
            "sees, standardized by default): the density is bounded by that floor only. Discrete or duplicated columns do this: "
            "dequantize them or leave them out."
        )
    return tuple(notes)


def _floored(model: VAE, dataset: Dataset, key: PRNGKeyArray) -> Bool[np.ndarray, "*event"]:
    if isinstance(model.likelihood, FeatureScaleGaussian):
        return np.asarray(_learned_at_floor(model.likelihood))
    if isinstance(model.likelihood, (NetworkScaleGaussian, Poisson)):
        return map_rows(_at_floor, model, dataset.take(np.arange(min(len(dataset), _ROWS_LOOKED_AT))), key=key).any(
            axis=0
        )
    return np.zeros(dataset.event_shape, np.bool_)


def _name(mask: Bool[np.ndarray, "*event"], verb: str = "is") -> str:
    """Words such as "2 features (0, 5) are": positions of the True cells, the first few."""
    cells = [str(tuple(map(int, cell)) if len(cell) > 1 else int(cell[0])) for cell in np.argwhere(mask)]
    shown = ", ".join(cells[:6]) + (", …" if len(cells) > 6 else "")
    if len(cells) == 1:
        return f"1 feature ({shown}) {verb}"
    return f"{len(cells)} features ({shown}) {'are' if verb == 'is' else verb.removesuffix('s')}"
