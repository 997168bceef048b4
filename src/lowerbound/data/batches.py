"""Minibatches in compiled blocks: shuffled by (seed, epoch), spread evenly, padded and masked.

An epoch over n rows is cut into blocks of ``steps`` minibatches of at most ``rows`` rows. Row counts of two minibatches of an
epoch differ by at most one (a last batch of one row would make many estimators 0/0); padding rows have weight 0. Shapes are
rounded to buckets so that data sets of similar size share compiled code:

    n = 60 000, batch_size = 128  ->  10 blocks x 47 steps x 128 rows (each holds 127 or 128 real ones)

Rows are taken and converted on the host, a block at a time: memory-mapped arrays take the same way as arrays in memory.
"""

from collections.abc import Iterator
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from lowerbound.data.dataset import Dataset
from lowerbound.data.record import Record

_LONGEST_BLOCK = 64
_FEWEST_ROWS = (
    32  # so that small data sets of the same features share compiled code; padding costs next to nothing there
)


class Plan(NamedTuple):
    """Shape of an epoch: ``n_blocks`` compiled calls of ``steps`` minibatches of ``rows`` rows (padding included)."""

    n_blocks: int
    steps: int
    rows: int

    @property
    def steps_per_epoch(self) -> int:
        """Number of parameter updates in an epoch."""
        return self.n_blocks * self.steps

    def with_blocks_of(self, most: int) -> "Plan":
        """The same minibatches in blocks of at most ``most`` steps (at least one): what runs between two looks at Ctrl-C.

        >>> Plan(n_blocks=10, steps=47, rows=128).with_blocks_of(20)
        Plan(n_blocks=47, steps=10, rows=128)
        """
        total = self.steps_per_epoch
        steps = max(length for length in range(1, max(1, min(most, self.steps)) + 1) if total % length == 0)
        return Plan(total // steps, steps, self.rows)


class Block(eqx.Module):
    """Records of ``steps`` minibatches, with weight 1 for real rows, 0 for padding, and their global row numbers.

    ``local`` is the rows' own state (``models.model.AbstractLocalModel``), leaves (steps, rows, …); None where there is none.
    """

    record: Record
    weight: Float[Array, "steps rows"]
    row: Int[Array, "steps rows"]
    local: PyTree = None


def bucket(n: int) -> int:
    """The smallest number >= n with at most four significant bits: padding costs less than one eighth.

    >>> [bucket(n) for n in (1, 8, 9, 17, 100, 1000)]
    [1, 8, 9, 18, 104, 1024]
    """
    unit = 1 << max(0, n.bit_length() - 4)
    return -(-n // unit) * unit


def plan(n_rows: int, *, batch_size: int) -> Plan:
    """The shape of an epoch over ``n_rows`` rows in minibatches of at most ``batch_size`` rows.

    >>> plan(60_000, batch_size=128)
    Plan(n_blocks=10, steps=47, rows=128)
    >>> plan(50, batch_size=128)
    Plan(n_blocks=1, steps=1, rows=52)
    >>> plan(10, batch_size=128)
    Plan(n_blocks=1, steps=1, rows=32)
    """
    steps = -(-n_rows // batch_size)
    if steps <= _LONGEST_BLOCK:
        n_blocks, steps = 1, min(bucket(steps), n_rows)
    else:
        # Fewest steps in all: a little more of them than asked, never an empty one.
        totals = [(-(-steps // length) * length, -length) for length in range(_LONGEST_BLOCK, 0, -1)]
        total, length = min(totals[: _LONGEST_BLOCK // 2 + 1])
        if total > n_rows:  # batch_size = 1: there is no row to spare for another step
            total, length = min(totals)
        n_blocks, steps = total // -length, -length
    rows = max(bucket(-(-n_rows // (n_blocks * steps))), _FEWEST_ROWS)
    return Plan(n_blocks, steps, min(rows, max(batch_size, 1)))


def epoch_order(n_rows: int, *, seed: int, epoch: int) -> Int[np.ndarray, " n"]:
    """The order of the rows in an epoch: a function of (seed, epoch) alone, so that a run can resume anywhere."""
    return np.random.default_rng((seed, epoch)).permutation(n_rows)


def blocks(dataset: Dataset, order: Int[np.ndarray, " n"], shape: Plan, *, first: int = 0) -> Iterator[Block]:
    """The blocks of one epoch, every row of ``order`` once, taken and converted when asked for.

    Parameters
    ----------
    dataset
        Source of the rows.
    order
        Row numbers in the order of use.
    shape
        From :func:`plan` for ``len(order)`` rows.
    first
        Number of the block to begin with: where an interrupted epoch goes on.
    """
    n_batches = shape.steps_per_epoch
    sizes = np.full(n_batches, len(order) // n_batches)
    sizes[: len(order) % n_batches] += 1
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    place = np.arange(shape.rows)
    real = place < sizes[:, None]
    # Padding repeats the first row of the minibatch: a valid datum, of weight zero.
    row = order[starts[:, None] + np.where(real, place, 0)]
    for b in range(first, shape.n_blocks):
        steps = slice(b * shape.steps, (b + 1) * shape.steps)
        yield Block(
            dataset.records(row[steps]).on_device(),
            weight=jnp.asarray(real[steps], jnp.float32),
            row=jnp.asarray(row[steps], jnp.int32),
        )
