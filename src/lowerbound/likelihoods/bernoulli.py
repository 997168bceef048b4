r"""Bernoulli likelihood: x_j in {0, 1}, p(x_j = 1 given z) = sigmoid(output_j), independent over cells given z.

    log p(x given z) = \sum_j x_j l_j - softplus(l_j),      l = decoder(z)

No constraint ties the probabilities of different cells. In this form grey values in [0, 1] can be inserted for x, which makes
it a loss (minus cross-entropy), not a likelihood; ``preprocessing`` says so where a user asks for it.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Bool, Float, Shaped

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.likelihood import AbstractLikelihood, Floor, weighted_mean
from lowerbound.likelihoods.support import Support


class Bernoulli(AbstractLikelihood):
    """Mass on {0, 1} per cell; one output, the logit."""

    n_outputs: ClassVar[int] = 1
    base_measure: ClassVar[str] = "counting measure on {0, 1}"
    support: ClassVar[Support] = "bits"
    floor: ClassVar[Floor | None] = None

    def distribution(self, outputs: Float[Array, "outputs *event"]) -> dist.Distribution:
        """Bernoulli with logits ``outputs[0]``."""
        return dist.BernoulliLogits(outputs[0])

    def log_prob(self, outputs: Float[Array, "outputs *event"], datum: Datum) -> Float[Array, ""]:
        """<x, l> - sum of softplus(l), over observed cells.

        The inner product is a product of matrices when many z share one x, and softplus in this form is vectorized: the
        cross-entropy cell by cell takes 1.5 times as long for the whole of ``log_evidence`` on MNIST.
        """
        logits = outputs[0]
        bits = datum.values if datum.observed is None else jnp.where(datum.observed, datum.values, 0.0)
        return datum.log_prob(-_softplus(logits)) + jnp.vdot(bits, logits)

    def log_prob_per_cell(
        self, outputs: Float[Array, "outputs *event"], values: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        """The product x l - softplus(l) of each cell."""
        return values * outputs[0] - _softplus(outputs[0])

    def mean(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "*event"]:
        """Probability of a one."""
        return jax.nn.sigmoid(outputs[0])

    def variance(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "*event"]:
        """p (1 - p)."""
        return jax.nn.sigmoid(outputs[0]) * jax.nn.sigmoid(-outputs[0])

    def mean_of_mixture(
        self, outputs: Float[Array, "components outputs *event"], weight: Float[Array, " components"]
    ) -> Float[Array, "*event"]:
        """Weighted mean of the components' means."""
        return weighted_mean(jax.vmap(self.mean)(outputs), weight)

    def cdf(self, outputs: Float[Array, "outputs *event"], values: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """0 below 0, the probability of a zero below 1, and 1 from there on."""
        return jnp.where(values < 0, 0.0, jnp.where(values < 1, jax.nn.sigmoid(-outputs[0]), 1.0))

    def features(self, values: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """The bits as they are."""
        return values

    def at_floor(self, outputs: Float[Array, "outputs *event"]) -> Bool[Array, "*event"]:
        """Never: the log mass is finite for every finite logit."""
        return jnp.zeros(outputs.shape[1:], bool)

    def unsupported(self, values: Shaped[np.ndarray, "n *event"]) -> Bool[np.ndarray, "n *event"]:
        """Cells that are neither 0 nor 1."""
        return (values != 0) & (values != 1)

    def support_of_cell(self, cell: tuple[int, ...], *, event_shape: tuple[int, ...]) -> str:
        """Support in words, that of every cell."""
        return "zeros and ones (or set binarize=)"


def _softplus(logits: Float[Array, "*event"]) -> Float[Array, "*event"]:
    return jnp.maximum(logits, 0) + jnp.log1p(jnp.exp(-jnp.abs(logits)))
