r"""AbstractLikelihood: p(x given z) of one datum, as a factorized distribution whose parameters a network gives.

A network maps z to ``outputs``, ``n_outputs`` unconstrained numbers per cell of x, shape (n_outputs, \\*event). A likelihood
turns them into a distribution that is factorized over cells, so that

    log p(x_observed given z) = sum over observed cells of log p(x_j given outputs_j) + log-determinant of the change of units,

in nats, with respect to the likelihood's base measure. Missing cells are left out of the sum: that is exact marginalization.
The event is whatever a row is made of: columns of a table, an image, one time step, some columns of a mixed row.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray, Shaped
from numpyro.distributions import Distribution

from lowerbound.data.datum import Datum
from lowerbound.data.frames import cell_label
from lowerbound.data.row_chunks import row_chunks
from lowerbound.likelihoods.support import Support


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
    """A factorized p(x given z); final subclasses are the distributions.

    Attributes
    ----------
    base_measure
        What p(x given z) is a density or mass with respect to.
    support
        Values that a cell can take: "reals", "bits" (0 and 1), "counts" (0, 1, 2, …) or "codes" of categories, which have no
        order.
    floor
        What rests on a numerical floor, in words; None where nothing can.
    """

    base_measure: eqx.AbstractClassVar[str]
    support: eqx.AbstractClassVar[Support]
    floor: eqx.AbstractClassVar[Floor | None]

    @property
    @abstractmethod
    def n_outputs(self) -> int:
        """Network outputs per cell."""

    @abstractmethod
    def distribution(self, outputs: Float[Array, "outputs *event"]) -> Distribution:
        r"""The distribution of every cell, batch shape (\\*event). Never return it out of ``vmap``: its shapes would lie."""

    @abstractmethod
    def log_prob_per_cell(
        self, outputs: Float[Array, "outputs *event"], values: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        """Log density or mass of each cell, log p(x_j given z), in nats and model units."""

    @abstractmethod
    def log_prob(self, outputs: Float[Array, "outputs *event"], datum: Datum) -> Float[Array, ""]:
        """Log density or mass of the observed cells, log p(x_observed given z), in nats and the user's units."""

    @abstractmethod
    def mean(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "*event"]:
        """E[x given z] in model units (for category codes, which have no mean: the most probable code)."""

    @abstractmethod
    def variance(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "*event"]:
        """Variance of x given z, cell by cell, in model units; NaN for category codes."""

    @abstractmethod
    def mean_of_mixture(
        self, outputs: Float[Array, "components outputs *event"], weight: Float[Array, " components"]
    ) -> Float[Array, "*event"]:
        """E[x] where the outputs are drawn with these weights, which sum to one (of category codes: the most probable one)."""

    @abstractmethod
    def cdf(self, outputs: Float[Array, "outputs *event"], values: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """P(x_j <= value_j given z) of each cell (for category codes in the order of their numbers)."""

    @abstractmethod
    def features(self, values: Float[Array, "*event"]) -> Float[Array, "*features"]:
        """What an encoder sees of x: finite numbers of order one, cells along the first axes."""

    @abstractmethod
    def at_floor(self, outputs: Float[Array, "outputs *event"]) -> Bool[Array, "*event"]:
        """True for cells whose parameter rests on its numerical floor, where the density is no longer the model's own."""

    @abstractmethod
    def unsupported(self, values: Shaped[np.ndarray, "n *event"]) -> Bool[np.ndarray, "n *event"]:
        """Cells outside the support, on the host; what it says of NaN is ignored."""

    @abstractmethod
    def support_of_cell(self, cell: tuple[int, ...], *, event_shape: tuple[int, ...]) -> str:
        """Support of one cell of a row of that shape, in words."""

    def sample(self, outputs: Float[Array, "outputs *event"], *, key: PRNGKeyArray) -> Float[Array, "*event"]:
        """One draw of x given z, in model units."""
        with jax.numpy_dtype_promotion("standard"):  # NumPyro mixes dtypes
            return self.distribution(outputs).sample(key).astype(jnp.float32)


def weighted_mean(
    per_component: Float[Array, "components *event"], weight: Float[Array, " components"]
) -> Float[Array, "*event"]:
    """Sum of the components' numbers times their weights."""
    return jnp.tensordot(weight, per_component, axes=1)


def check_support(
    likelihood: AbstractLikelihood,
    values: Shaped[np.ndarray, "n *event"],
    *,
    owner: str,
    names: Sequence[Any] | None = None,
) -> None:
    """Raise one ValueError that shows the first cell outside the likelihood's support; NaN is a missing cell."""
    for rows in row_chunks(len(values), int(np.prod(values.shape[1:], dtype=int))):
        outside = likelihood.unsupported(values[rows])
        if values.dtype.kind == "f":
            outside = outside & ~np.isnan(values[rows])
        if outside.any():
            row, *cell = map(int, np.argwhere(outside)[0])
            support = likelihood.support_of_cell(tuple(cell), event_shape=values.shape[1:])
            at = cell_label((row + rows.start, *cell), names)
            raise ValueError(
                f"X of {owner} must hold {support} for the {type(likelihood).__name__} likelihood; got {at} = "
                f"{values[rows][row, *cell]}. Choose another likelihood, or transform X."
            )
