"""Cost of decoding: how much work and memory one z takes, whatever the network; read once per structure of a model."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from lowerbound.models.model import AbstractModel
from lowerbound.nn.cost import Cost, cost


def decoding_cost(model: AbstractModel) -> Cost:
    """Operations and widest array of E[x given z] for one z.

    Examples
    --------
    >>> import jax
    >>> from lowerbound.likelihoods.bernoulli import Bernoulli
    >>> from lowerbound.models.decoder import Decoder
    >>> from lowerbound.models.vae import VAE
    >>> from lowerbound.nn.mlp import MLP
    >>> from lowerbound.posteriors.encoder import GaussianEncoder
    >>> def network(n_in, n_out):
    ...     return MLP(n_in, n_out, hidden=(8,), activation="relu", key=jax.random.key(0))
    >>> decoding_cost(VAE(GaussianEncoder(network(5, 4), 2, "diagonal"), Decoder(network(2, 5), (1, 5)), Bernoulli()))
    Cost(operations=112, widest=8)
    """
    leaves, structure = jax.tree.flatten(model)
    return _cost_of(structure, tuple((jnp.shape(leaf), str(jnp.result_type(leaf))) for leaf in leaves))


@functools.lru_cache(maxsize=256)
def _cost_of(structure: jax.tree_util.PyTreeDef, arrays: tuple[tuple[tuple[int, ...], str], ...]) -> Cost:
    def decode(z: Float[Array, " latent"]) -> Float[Array, "*event"]:
        model: AbstractModel = jax.tree.unflatten(structure, [jnp.zeros(shape, dtype) for shape, dtype in arrays])
        return model.decode(z)

    hollow = jax.tree.unflatten(structure, [np.broadcast_to(np.zeros((), dtype), shape) for shape, dtype in arrays])
    return cost(decode, np.zeros(hollow.latent_dim, np.float32))
