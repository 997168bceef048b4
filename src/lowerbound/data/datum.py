"""A datum: one row, image or sequence as the models see it, inside compiled functions.

Every model's mathematics is written for ONE datum; ``jax.vmap`` adds the rows at the boundary. A datum is a small pytree, so
that missing cells, conditions and changes of units need no second interface.
"""

import equinox as eqx
from jaxtyping import Array, Bool, Float


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
        discrete data, minus the sum of the log scales for standardized data. Likelihoods add it, so that every log p(x) that
        leaves the library is a density in the user's units.
    """

    values: Float[Array, "*event"]
    observed: Bool[Array, "*event"] | None = None
    condition: Float[Array, " condition"] | None = None
    log_determinant: Float[Array, ""] | float = 0.0
