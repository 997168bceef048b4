"""Record: everything that is stored of a row, so that its parts travel together.

Every field has the same leading axes (rows; steps and rows in a block), and is taken, blocked and chunked by ``jax.tree.map``:
a new field is one line here, and the line that reads it.
"""

from typing import Any, NamedTuple

from jaxtyping import Bool, Float, Shaped


class Record(NamedTuple):
    r"""Stored rows, NumPy on the host and JAX on the device.

    Attributes
    ----------
    values
        (\*rows, \*event): uint8 and bool as they came, else standardized numbers; finite, fill values where a cell is missing.
    observed
        (\*rows, \*event), True where a cell was observed; None where no row of the data set has a missing cell.
    condition
        (\*rows, n_conditions): c of a conditional model p(x given z, c); None for the others.
    """

    values: Shaped[Any, "*rows_and_event"]
    observed: Bool[Any, "*rows_and_event"] | None = None
    condition: Float[Any, "*rows_and_condition"] | None = None

    def on_device(self) -> "Record":
        """The record as JAX arrays."""
        import jax  # here, since rows are stored by processes that do not compile, too

        record: Record = jax.tree.map(jax.numpy.asarray, self)
        return record
