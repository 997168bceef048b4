"""Parts: from the names and sizes that hyperparameters give to the modules that a model is made of."""

import math
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, PRNGKeyArray

from lowerbound.data.datum import Datum
from lowerbound.interface.architecture import Architecture
from lowerbound.likelihoods.bernoulli import Bernoulli
from lowerbound.likelihoods.categorical import Categorical
from lowerbound.likelihoods.gaussian import FeatureScaleGaussian, FixedScaleGaussian, NetworkScaleGaussian
from lowerbound.likelihoods.likelihood import AbstractLikelihood
from lowerbound.likelihoods.poisson import Poisson
from lowerbound.models.decoder import Decoder
from lowerbound.posteriors.encoder import Family, GaussianEncoder, encoder_features
from lowerbound.posteriors.gaussian import n_posterior_outputs

LikelihoodName = Literal["gaussian", "bernoulli", "categorical", "poisson"]
Variance = Literal["feature", "network", "fixed"]


def named_likelihood(
    name: LikelihoodName,
    event_shape: tuple[int, ...],
    *,
    variance: Variance,
    noise_scale: float,
    n_codes: Int[np.ndarray, "*event"] | None,
) -> AbstractLikelihood:
    """The untrained likelihood of that name; ``variance`` and ``noise_scale`` (model units) are the Gaussian's.

    ``n_codes`` is the categorical's: the number of codes of each cell.
    """
    match name, variance:
        case "bernoulli", _:
            return Bernoulli()
        case "categorical", _:
            assert n_codes is not None
            return Categorical(n_codes, max(int(n_codes.max()), 2))
        case "poisson", _:
            return Poisson()
        case _, "feature":
            # A dtype of its own: a weakly typed start would compile the first block of a fit apart from the others.
            return FeatureScaleGaussian(jnp.full(event_shape, math.log(noise_scale), jnp.float32))
        case _, "network":
            return NetworkScaleGaussian()
        case _:
            return FixedScaleGaussian(float(noise_scale))


def gaussian_encoder(
    likelihood: AbstractLikelihood,
    event_shape: tuple[int, ...],
    *,
    latent_dim: int,
    family: Family,
    with_mask: bool,
    architecture: Architecture,
    key: PRNGKeyArray,
) -> GaussianEncoder:
    """An untrained network from a datum's features to the parameters of a Gaussian posterior."""
    shape = features_shape(likelihood, event_shape, with_mask=with_mask)
    network = architecture.encoder(shape, n_posterior_outputs(family, latent_dim), key=key)
    return GaussianEncoder(network=network, latent_dim=latent_dim, family=family, with_mask=with_mask)


def features_shape(likelihood: AbstractLikelihood, event_shape: tuple[int, ...], *, with_mask: bool) -> tuple[int, ...]:
    """Shape of what an encoder sees of a datum, before it is made a vector."""
    values = np.zeros(event_shape, np.float32)
    seen = jax.eval_shape(lambda x: encoder_features(likelihood, Datum(x), with_mask=with_mask), values)
    return tuple(seen.shape)


def decoder(
    likelihood: AbstractLikelihood,
    event_shape: tuple[int, ...],
    *,
    latent_dim: int,
    architecture: Architecture,
    key: PRNGKeyArray,
) -> Decoder:
    """An untrained network from latents to the likelihood's outputs."""
    outputs_shape = (likelihood.n_outputs, *event_shape)
    return Decoder(architecture.decoder(latent_dim, outputs_shape, key=key), outputs_shape)
