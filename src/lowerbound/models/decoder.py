r"""Decoder: z -> the likelihood's outputs, shape (n_outputs, \\*event), by a network from vector to vector."""

from collections.abc import Callable

import equinox as eqx
from jaxtyping import Array, Float


class Decoder(eqx.Module):
    r"""A network whose output vector is folded into (n_outputs, \\*event)."""

    network: Callable[[Float[Array, " latent"]], Float[Array, " flat"]]
    outputs_shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, z: Float[Array, " latent"]) -> Float[Array, "outputs *event"]:
        """The likelihood's outputs at z."""
        return self.network(z).reshape(self.outputs_shape)
