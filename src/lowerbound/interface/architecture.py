"""Architecture: from the names and sizes of hyperparameters to the networks of an encoder and a decoder.

The decoder mirrors the encoder: the same widths and channels in reverse. A network is initialized in one compiled call, because
piece by piece every shape of weights would compile calls of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.interface.hyperparameters import check_sizes
from lowerbound.nn.activations import Activation
from lowerbound.nn.conv import ConvolutionalDecoder, ConvolutionalEncoder
from lowerbound.nn.mlp import MLP

NetworkName = Literal["mlp", "conv"]
Network = Callable[[Float[Array, " in"]], Float[Array, " out"]]

_CHANNELS = (1, 3)


@dataclass(frozen=True)
class Architecture:
    """What the encoder's network is made of.

    Attributes
    ----------
    network
        "mlp", or "conv" for images.
    hidden
        Widths of the hidden layers; for "conv" of those between the convolutions and the latents.
    channels
        For "conv": of the halving layers, from the image inwards.
    activation
        Name of the function between layers.
    """

    network: NetworkName
    hidden: tuple[int, ...]
    channels: tuple[int, ...]
    activation: Activation

    @eqx.filter_jit
    def encoder(self, features_shape: tuple[int, ...], out_size: int, *, key: PRNGKeyArray) -> Network:
        """An untrained network from features of that shape, as one vector, to a vector of ``out_size``."""
        hidden, activation = self.hidden, self.activation
        if self.network == "conv":
            return ConvolutionalEncoder(
                features_shape, out_size, channels=self.channels, hidden=hidden, activation=activation, key=key
            )
        return MLP(int(np.prod(features_shape)), out_size, hidden=hidden, activation=activation, key=key)

    @eqx.filter_jit
    def decoder(self, in_size: int, outputs_shape: tuple[int, ...], *, key: PRNGKeyArray) -> Network:
        r"""An untrained network from a vector to outputs (n_outputs, \*event), as one vector."""
        hidden, activation = self.hidden[::-1], self.activation
        if self.network == "conv":
            return ConvolutionalDecoder(
                in_size, outputs_shape, channels=self.channels[::-1], hidden=hidden, activation=activation, key=key
            )
        return MLP(in_size, int(np.prod(outputs_shape)), hidden=hidden, activation=activation, key=key)


def architecture_of(estimator: Any) -> Architecture:
    """The architecture that an estimator's hyperparameters describe."""
    return Architecture(
        estimator.network, tuple(estimator.hidden), tuple(estimator.channels), activation=estimator.activation
    )


def check_architecture(estimator: Any) -> None:
    """Raise one clear ValueError for widths or channels that cannot be; network and activation are ``check_choices``'s."""
    owner = type(estimator).__name__
    check_sizes(owner, "hidden", estimator.hidden)
    if not check_sizes(owner, "channels", estimator.channels):
        raise ValueError(f"channels of {owner} must be at least one layer's, such as (32, 64); got ().")


def check_image_shape(estimator: Any) -> None:
    """Raise one clear ValueError where a convolutional network is asked for, and ``input_shape_`` is no fit image's."""
    if estimator.network != "conv":
        return
    owner, shape, n_layers = type(estimator).__name__, estimator.input_shape_, len(estimator.channels)
    if len(shape) not in (2, 3):
        raise ValueError(
            f"X of {owner} must hold images, (n, height, width) or (n, height, width, channels), for network='conv'; got "
            f"rows of shape {shape}. Reshape it, or use network='mlp'."
        )
    if len(shape) == 3 and shape[2] not in _CHANNELS:
        raise ValueError(
            f"X of {owner} must hold images with 1 or 3 channels, which are the last axis, for network='conv'; got "
            f"{shape[2]} channels in rows of shape {shape}. Leave the others out (X[..., :3] of RGBA), move the axis, or use "
            "network='mlp'."
        )
    if min(shape[:2]) < 2**n_layers:
        one_image = " One colour image is a row: X[None]." if shape[1:] in ((3,), (4,)) else ""
        raise ValueError(
            f"X of {owner} must hold images of at least {2**n_layers} x {2**n_layers} pixels, since every layer of "
            f"channels={tuple(estimator.channels)} halves them; got {shape[0]} x {shape[1]}. Take fewer layers, or "
            f"network='mlp'.{one_image}"
        )
