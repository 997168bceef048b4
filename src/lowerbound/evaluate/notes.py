"""Notes for the status of a fit: constant features, and scales that ended at their numerical floor."""

import equinox as eqx
import numpy as np
from jaxtyping import Array, Bool, PRNGKeyArray

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.evaluate.rows import map_rows
from lowerbound.likelihoods.gaussian import SCALE_FLOOR, FeatureScaleGaussian, NetworkScaleGaussian
from lowerbound.likelihoods.poisson import Poisson
from lowerbound.models.full_gaussian import FullGaussian
from lowerbound.models.mixture import AnyMixture
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
    notes = list(constant_note(constant))
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


def constant_note(constant: Bool[np.ndarray, "*event"]) -> tuple[str, ...]:
    """A sentence that names the constant features; () if there are none."""
    if not constant.any():
        return ()
    return (
        f"{_name(constant)} constant in the training rows: a density there is meaningless. Leave "
        f"{'it' if constant.sum() == 1 else 'them'} out (sklearn.feature_selection.VarianceThreshold).",
    )


def floor_note(floored: Bool[np.ndarray, "*event"], *, floor: float) -> tuple[str, ...]:
    """A sentence that names the features whose noise variance fitting would take to zero (Heywood cases); () if none."""
    if not floored.any():
        return ()
    return (
        f"The noise variance of {_name(floored, verb='rests')} on its floor, noise_floor = {floor:g} of the variance (a Heywood "
        "case): the factors explain all of it, and the density is bounded by that floor only. Lower latent_dim, leave out "
        "duplicated columns, give more rows, or raise noise_floor.",
    )


def cluster_notes(
    model: AnyMixture, *, lost: Bool[np.ndarray, " clusters"], constant: Bool[np.ndarray, "*event"]
) -> tuple[str, ...]:
    """Sentences on clusters that lost their rows, and on those whose noise rests on its floor; () if there are none."""
    notes = []
    if lost.any():
        notes.append(
            f"{'1 cluster has' if lost.sum() == 1 else f'{lost.sum()} clusters have'} hardly a row left: the data do not ask for "
            f"{len(lost)}. Lower n_clusters, or raise n_init."
        )
    floored = _clusters_at_floor(model) & ~constant.reshape(-1)
    clusters = floored.any(axis=1)
    if clusters.any():
        columns = floored.any(axis=0).reshape(constant.shape)
        notes.append(
            f"The noise of {clusters.sum()} of {len(lost)} clusters rests on its floor, noise_floor = "
            f"{model.components.variance_floor:g} of the variance, in {_name(columns, verb='')}: the density is "
            "bounded by that floor only. Raise noise_floor, lower n_clusters, give more rows, or look for repeated values."
        )
    return tuple(notes)


def _clusters_at_floor(model: AnyMixture) -> Bool[np.ndarray, "clusters features"]:
    part = model.components
    if isinstance(part, FullGaussian):
        smallest = np.linalg.svd(part.cholesky, compute_uv=False)[:, -1:] ** 2  # eigenvalue of the covariance
        conditional = 1 / np.sum(np.square(np.linalg.inv(part.cholesky)), axis=1)  # of a column given all others
        # The direction at the floor may be shared by all columns, each of which then has so much left.
        named = conditional <= 1.1 * part.mean.shape[-1] * part.variance_floor
        return np.asarray((smallest <= 1.1 * part.variance_floor) & named)
    log_variance = np.asarray(part.log_variance)
    variance = np.exp(log_variance.reshape(len(log_variance), -1))
    return np.broadcast_to(variance <= 1.1 * part.variance_floor, part.mean.shape)


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
        return f"1 feature ({shown}) {verb}".rstrip()
    return f"{len(cells)} features ({shown}) {'are' if verb == 'is' else verb.removesuffix('s')}".rstrip()
