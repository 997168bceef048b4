"""Parts: from the names and sizes that hyperparameters give to the modules that a model is made of.

Networks are initialized in one compiled call each: piece by piece, every shape of weights would compile calls of its own.
"""

import math
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from lowerbound.likelihoods.bernoulli import Bernoulli
from lowerbound.likelihoods.categorical import Categorical
from lowerbound.likelihoods.gaussian import FeatureScaleGaussian, FixedScaleGaussian, NetworkScaleGaussian
from lowerbound.likelihoods.likelihood import AbstractLikelihood
from lowerbound.likelihoods.poisson import Poisson
from lowerbound.models.decoder import Decoder
from lowerbound.nn.activations import Activation
from lowerbound.nn.mlp import MLP
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


@eqx.filter_jit
def gaussian_encoder(
    likelihood: AbstractLikelihood,
    event_shape: tuple[int, ...],
    *,
    latent_dim: int,
    family: Family,
    hidden: tuple[int, ...],
    activation: Activation,
    key: PRNGKeyArray,
) -> GaussianEncoder:
    """An untrained network from the likelihood's features to the parameters of a Gaussian posterior."""
    n_inputs = jax.eval_shape(likelihood.features, np.zeros(event_shape, np.float32)).size
    n_outputs = n_posterior_outputs(family, latent_dim)
    return GaussianEncoder(MLP(n_inputs, n_outputs, hidden=hidden, activation=activation, key=key), latent_dim, family)


@eqx.filter_jit
def decoder(
    likelihood: AbstractLikelihood,
    event_shape: tuple[int, ...],
    *,
    latent_dim: int,
    hidden: tuple[int, ...],
    activation: Activation,
    key: PRNGKeyArray,
) -> Decoder:
    """An untrained network from latents to the likelihood's outputs."""
    shape = (likelihood.n_outputs, *event_shape)
    network = MLP(latent_dim, int(np.prod(shape)), hidden=hidden, activation=activation, key=key)
    return Decoder(network, shape)
