"""Parts: from the names and sizes that hyperparameters give to the modules that a model is made of."""

import math
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from lowerbound.interface.architecture import Architecture
from lowerbound.likelihoods.bernoulli import Bernoulli
from lowerbound.likelihoods.categorical import Categorical
from lowerbound.likelihoods.gaussian import FeatureScaleGaussian, FixedScaleGaussian, NetworkScaleGaussian
from lowerbound.likelihoods.likelihood import AbstractLikelihood
from lowerbound.likelihoods.poisson import Poisson
from lowerbound.models.decoder import Decoder
from lowerbound.posteriors.encoder import Family, GaussianEncoder
from lowerbound.posteriors.gaussian import n_posterior_outputs

LikelihoodName = Literal["gaussian", "bernoulli", "categorical", "poisson"]
Variance = Literal["feature", "network", "fixed"]


def named_likelihood(
    name: LikelihoodName,
    event_shape: tuple[int, ...],
    *,
    variance: Variance,
    noise_scale: float,
    n_categories: int,
) -> AbstractLikelihood:
    """The untrained likelihood of that name; ``variance`` and ``noise_scale`` (model units) are the Gaussian's."""
    match name, variance:
        case "bernoulli", _:
            return Bernoulli()
        case "categorical", _:
            return Categorical(n_categories)
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
    architecture: Architecture,
    key: PRNGKeyArray,
) -> GaussianEncoder:
    """An untrained network from the likelihood's features to the parameters of a Gaussian posterior."""
    features_shape = jax.eval_shape(likelihood.features, np.zeros(event_shape, np.float32)).shape
    network = architecture.encoder(features_shape, n_posterior_outputs(family, latent_dim), key=key)
    return GaussianEncoder(network=network, latent_dim=latent_dim, family=family)


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
