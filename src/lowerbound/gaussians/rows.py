"""Rows in model units as the Gaussian densities take them: values with zeros for holes, and the distinct patterns of holes."""

from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int


class Rows:
    """n rows of d cells.

    Attributes
    ----------
    values
        (n, d), model units; 0 where a cell is missing.
    observed
        (n, d), or None where no cell is missing.
    log_determinant
        (n,), log |dy/dx| of the change of units, summed over observed cells, nats.
    """

    def __init__(
        self,
        values: Float[np.ndarray, "n d"],
        observed: Bool[np.ndarray, "n d"] | None,
        log_determinant: Float[np.ndarray, " n"],
    ) -> None:
        self.values, self.observed, self.log_determinant = values, observed, log_determinant

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def seen(self) -> Float[np.ndarray, "n d"]:
        """1 for observed cells, 0 for missing ones; asked only where some are."""
        assert self.observed is not None
        return self.observed.astype(np.float64)

    @cached_property
    def patterns(self) -> Float[np.ndarray, "patterns d"]:
        """The distinct rows of ``seen``."""
        return self._distinct[0]

    @cached_property
    def pattern(self) -> Int[np.ndarray, " n"]:
        """Number of each row's pattern."""
        return self._distinct[1]

    @cached_property
    def _distinct(self) -> tuple[np.ndarray, np.ndarray]:
        assert self.observed is not None
        packed = np.ascontiguousarray(np.packbits(self.observed, axis=1))
        whole = packed.view(np.dtype((np.void, packed.shape[1]))).reshape(-1)  # one sort of bytes, not of columns
        _, first, number = np.unique(whole, return_index=True, return_inverse=True)
        return self.seen[first], number.reshape(-1)
