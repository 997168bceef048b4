"""Cost of a model: how much work and memory one datum's code, and one z's decoding, take; read once per structure of a model."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

from lowerbound.data.datum import Datum
from lowerbound.models.model import AbstractExactModel, AbstractModel
from lowerbound.nn.cost import Cost, cost
from lowerbound.nn.precision import precision_of


class ModelCost(NamedTuple):
    """Cost of ``encode`` for one datum, and of ``decode`` for one z."""

    encode: Cost
    decode: Cost


def model_cost(model: AbstractModel, event_shape: tuple[int, ...], *, holes: bool = False) -> ModelCost:
    """Operations and widest array of the way into latent space, and of the way back.

    With ``holes`` the way in is that of a datum with missing cells, all the way to the distribution of these cells where the
    model knows it: what data without holes share is then each datum's own.

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
    >>> vae = VAE(GaussianEncoder(network(5, 4), 2, "diagonal"), Decoder(network(2, 5), (1, 5)), Bernoulli())
    >>> model_cost(vae, (5,))
    ModelCost(encode=Cost(operations=144, widest=8), decode=Cost(operations=112, widest=8))
    """
    leaves, structure = jax.tree.flatten(model)
    with precision_of(model):
        arrays = tuple((jnp.shape(leaf), str(jnp.result_type(leaf))) for leaf in leaves)
        return _cost_of(structure, arrays, tuple(event_shape), holes)


@functools.lru_cache(maxsize=256)
def _cost_of(
    structure: jax.tree_util.PyTreeDef,
    arrays: tuple[tuple[tuple[int, ...], str], ...],
    event_shape: tuple[int, ...],
    holes: bool,
) -> ModelCost:
    def model() -> AbstractModel:
        """Made anew inside each computation, so that nothing in it depends on the arguments."""
        hollow: AbstractModel = jax.tree.unflatten(structure, [jnp.zeros(shape, dtype) for shape, dtype in arrays])
        return hollow

    def encode(values: Float[Array, "*event"]) -> Float[Array, " latent"]:
        return model().encode(Datum(values))

    def encode_with_holes(values: Float[Array, "*event"], observed: Bool[Array, "*event"]) -> PyTree:
        datum, one = Datum(values, observed), model()
        return one.predictive(datum) if isinstance(one, AbstractExactModel) else one.encode(datum)

    def decode(z: Float[Array, " latent"]) -> Float[Array, "*event"]:
        return model().decode(z)

    latent_dim = jax.tree.unflatten(
        structure, [np.broadcast_to(np.zeros((), dtype), shape) for shape, dtype in arrays]
    ).latent_dim
    dtype = np.float64 if any(dtype == "float64" for _, dtype in arrays) else np.float32
    values = np.zeros(event_shape, dtype)
    way_in = cost(encode_with_holes, values, np.ones(event_shape, np.bool_)) if holes else cost(encode, values)
    return ModelCost(way_in, cost(decode, np.zeros(latent_dim, dtype)))
