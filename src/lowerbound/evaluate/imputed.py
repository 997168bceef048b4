"""Results of imputation, model units: moments, intervals and draws of missing cells, and how far sampled ones can be trusted."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt32

SAMPLES = 1000
"""Draws of z per row, of a model without closed forms."""


class Weights(NamedTuple):
    """Effective sample size and k-hat of the weights of each row, (n,): NaN where nothing was sampled."""

    effective_sample_size: Float[np.ndarray, " n"]
    pareto_k: Float[np.ndarray, " n"]


class Means(NamedTuple):
    """Mean of every cell given the observed cells of its row, model units, (n, …)."""

    mean: Float[np.ndarray, "n *event"]
    weights: Weights


class Moments(NamedTuple):
    """Mean and variance of every cell given the observed cells of its row, model units, (n, …); observed cells: as if anew."""

    mean: Float[np.ndarray, "n *event"]
    variance: Float[np.ndarray, "n *event"]
    weights: Weights


class Cells(NamedTuple):
    """The moments of every cell, and the ends of its central interval, model units, (n, …)."""

    mean: Float[np.ndarray, "n *event"]
    variance: Float[np.ndarray, "n *event"]
    lower: Float[np.ndarray, "n *event"]
    upper: Float[np.ndarray, "n *event"]
    weights: Weights


class Completed(NamedTuple):
    """Rows with drawn missing cells, model units, and how far sampled ones can be trusted."""

    rows: Float[np.ndarray, "n draws *event"]
    weights: Weights


def certain(n_rows: int) -> Weights:
    """Weights of rows of which nothing was sampled."""
    return Weights(np.full(n_rows, np.nan), np.full(n_rows, np.nan))


def hashes_apart(hashes: UInt32[np.ndarray, " n"]) -> UInt32[np.ndarray, " n"]:
    """The hashes, moved on by an odd constant for each earlier row that has the same."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    earlier = np.arange(len(hashes)) - np.repeat(first, np.diff(np.append(first, len(hashes))))
    moved = np.empty_like(hashes)
    moved[order] = (ordered.astype(np.uint64) + 0x9E3779B9 * earlier.astype(np.uint64)).astype(np.uint32)
    return moved
