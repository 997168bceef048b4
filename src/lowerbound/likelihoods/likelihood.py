r"""AbstractLikelihood: p(x given z) of one datum, as a factorized distribution whose parameters a network gives.

A network maps z to ``outputs``, ``n_outputs`` unconstrained numbers per cell of x, shape (n_outputs, \\*event). A likelihood
turns them into a distribution that is factorized over cells, so that

    log p(x_observed given z) = sum over observed cells of log p(x_j given outputs_j) + log-determinant of the change of units,

in nats, with respect to the likelihood's base measure. Missing cells are left out of the sum: that is exact marginalization.
"""

from abc import abstractmethod
from typing import Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray, Shaped
from numpyro.distributions import Distribution

from lowerbound.data.datum import Datum
from lowerbound.data.standardize import row_chunks

Support = Literal["reals", "bits", "counts", "codes"]
"""What a cell may be: a real number, 0 or 1, a count, or a category code."""


class Floor(NamedTuple):
    """The numerical floor of a likelihood's parameter, in words.

    Attributes
    ----------
    parameter
        What rests on it, such as "noise scale".
    advice
        How the sentence "The noise scale of column a rests on …" goes on: the floor, what it means, and the remedy.
    depends_on_z
        Whether a cell may rest there at one z and not at another.
    """

    parameter: str
    advice: str
    depends_on_z: bool


class AbstractLikelihood(eqx.Module):
    """A factorized p(x given z); final subclasses are the distributions."""

    base_measure: eqx.AbstractClassVar[str]
    support: eqx.AbstractClassVar[Support]
    floor: eqx.AbstractClassVar[Floor | None]  # None where nothing can rest on one

    @property
    @abstractmethod
    def n_outputs(self) -> int:
        """Network outputs per cell."""

    @abstractmethod
    def distribution(self, outputs: Float[Array, "outputs *event"]) -> Distribution:
        r"""The distribution of every cell, batch shape (\\*event). Never return it out of ``vmap``: its shapes would lie."""

    @abstractmethod
    def mean(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "*event"]:
        """E[x given z] in model units (for category codes, which have no mean: the most probable code)."""

    @abstractmethod
    def features(self, values: Float[Array, "*event"]) -> Float[Array, "*features"]:
        """What an encoder sees of x: finite numbers of order one, cells along the first axes."""

    @abstractmethod
    def at_floor(self, outputs: Float[Array, "outputs *event"]) -> Bool[Array, "*event"]:
        """True for cells whose parameter rests on its numerical floor, where the density is no longer the model's own."""

    @abstractmethod
    def unsupported(self, values: Shaped[np.ndarray, "n *event"]) -> tuple[Bool[np.ndarray, "n *event"], str]:
        """Cells outside the support, on the host, and the support in words."""

    @abstractmethod
    def log_prob(self, outputs: Float[Array, "outputs *event"], datum: Datum) -> Float[Array, ""]:
        """The log density or mass of the observed cells, log p(x_observed given z), in nats and the user's units."""

    def sample(self, outputs: Float[Array, "outputs *event"], *, key: PRNGKeyArray) -> Float[Array, "*event"]:
        """One draw of x given z, in model units."""
        return self.distribution(outputs).sample(key).astype(jnp.float32)


def sum_observed(per_cell: Float[Array, "*event"], datum: Datum) -> Float[Array, ""]:
    """Sum over observed cells, in the user's units. Fill values are finite, so no NaN hides behind the mask."""
    if datum.observed is not None:
        per_cell = jnp.where(datum.observed, per_cell, 0.0)
    return jnp.sum(per_cell) + datum.log_determinant


def check_support(likelihood: AbstractLikelihood, values: Shaped[np.ndarray, "n *event"], *, owner: str) -> None:
    """Raise one ValueError that shows the first cell outside the likelihood's support."""
    for rows in row_chunks(len(values), int(np.prod(values.shape[1:], dtype=int))):
        outside, support = likelihood.unsupported(values[rows])
        if outside.any():
            cell = np.argwhere(outside)[0]
            at = ", ".join(map(str, (cell[0] + rows.start, *cell[1:])))
            raise ValueError(
                f"X of {owner} must hold {support} for the {type(likelihood).__name__} likelihood; got X[{at}] = "
                f"{values[rows][tuple(cell)]}. Choose another likelihood, or transform X."
            )
