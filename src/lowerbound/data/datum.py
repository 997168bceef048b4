"""A datum: one row, image or sequence as the models see it, inside compiled functions.

Every model's mathematics is written for ONE datum; ``jax.vmap`` adds the rows at the boundary. A datum is a small pytree, so
that missing cells, conditions, local posteriors and changes of units need no second interface.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree


class Datum(eqx.Module):
    r"""One observation x in the model's units, with what the likelihood has to know about it.

    Attributes
    ----------
    values
        x in model units, finite everywhere: cells that are not observed hold a fill value.
    observed
        True where a cell was observed; None where every cell was (the usual case costs nothing).
    condition
        c of a conditional model p(x given z, c); None for the others.
    log_determinant
        log \|dy/dx\| of the map x -> y from the user's units to the model's, summed over observed cells, in nats: 0 for
        discrete data, minus the sum of the log scales for standardized data.
    local
        The row's own part of q(z given x): a mean-field row, the positions of a chain; None where q is amortized or exact. It is
        put here once, at the boundary, by ``models.model.infer``.
    """

    values: Float[Array, "*event"]
    observed: Bool[Array, "*event"] | None = None
    condition: Float[Array, " condition"] | None = None
    log_determinant: Float[Array, ""] | float = 0.0
    local: PyTree = None

    def log_prob(self, per_cell: Float[Array, "*event"]) -> Float[Array, ""]:
        """Sum of per-cell log densities over the observed cells, plus the log-determinant: nats, in the user's units.

        This is the one place where the change of variables enters a log density. Fill values are finite, so no NaN hides behind
        the mask.
        """
        if self.observed is not None:
            per_cell = jnp.where(self.observed, per_cell, 0.0)
        return jnp.sum(per_cell) + self.log_determinant
