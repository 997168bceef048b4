"""Measurement of a latent space's health, from the moments of q(z given x) of each row (see ``evaluate.health``)."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.evaluate.health import Health, findings_of, is_active
from lowerbound.evaluate.rows import map_rows
from lowerbound.models.model import AbstractExactModel, AbstractGaussianPosteriorModel
from lowerbound.nn.precision import precision_of


def _row(model: AbstractGaussianPosteriorModel, datum: Datum, *, key: PRNGKeyArray) -> dict[str, Array]:
    posterior = model.posterior(datum)
    return {
        "kl": model.elbo_terms(datum, key=key).kl,
        "mean": posterior.mean,
        "variance": posterior.variance(),
        "noise": model.noise_scale(posterior.mean),
        "floor": model.at_floor(posterior.mean).mean(dtype=jnp.float32),
    }


@eqx.filter_jit
def _prior_moments(model: AbstractGaussianPosteriorModel) -> tuple[Float[Array, " latent"], Float[Array, " latent"]]:
    return model.prior_moments()


def health(model: AbstractGaussianPosteriorModel, dataset: Dataset, *, key: PRNGKeyArray) -> Health:
    """Measure the latent space on the given rows.

    Parameters
    ----------
    model
        A model whose q(z given x) is one Gaussian.
    dataset
        At least two rows, as a rule the training or held-out ones; all of them are used.
    key
        Base of the rows' randomness (dequantization, binarization).
    """
    rows = map_rows(_row, model, dataset, key=key)
    means, kl = rows["mean"].astype(np.float64), rows["kl"].mean(axis=0, dtype=np.float64)
    activity = means.var(axis=0)
    aggregate_variance = activity + rows["variance"].mean(axis=0, dtype=np.float64)
    with precision_of(model):
        prior_mean, prior_variance = (np.asarray(moment, np.float64) for moment in _prior_moments(model))
    result = Health(
        active_units=int(np.sum(is_active(activity, scale=prior_variance))),
        kl_per_dimension=kl,
        activity=activity,
        aggregate_mean=means.mean(axis=0),
        aggregate_variance=aggregate_variance,
        prior_mean=prior_mean,
        prior_variance=prior_variance,
        cells_at_floor=float(rows["floor"].mean(dtype=np.float64)),
        noise_scale=None if np.isnan(rows["noise"]).all() else rows["noise"].mean(axis=0, dtype=np.float64),
        advice=(),
        exact=isinstance(model, AbstractExactModel),
    )
    advice = findings_of(result) or ("Every check passed: active units, prior, scales.",)
    return Health(**(vars(result) | {"advice": advice}))
