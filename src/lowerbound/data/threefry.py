r"""Threefry: the random numbers of rows in NumPy, the same to the last bit as those of JAX.

A row's randomness is ``fold_in(key, hash of the row)`` in every process, whether it computes with JAX or without: grey levels get
the same noise from a model that NumPy scores as from one that JAX scores. A key is two 32-bit numbers; many keys are an array
(n, 2). The block cipher maps a key and a counter to 64 random bits,

    (x_0, x_1) -> 20 rounds of  x_0 += x_1,  x_1 = rotate(x_1) xor x_0,  with the key added after every fourth,

and number i of a key is made of the cipher of the counter i. What only NumPy draws comes from NumPy's own generator, started
from the row's key (:func:`generators`).

Reference: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from jaxtyping import Float32, UInt32

Key = UInt32[np.ndarray, "2"]
Keys = UInt32[np.ndarray, "n 2"]

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)
_AT_ONCE = 2**14  # numbers, so that the rounds stay in the cache


def key_of_seed(seed: int) -> Key:
    """The key that ``jax.random.key(seed)`` is, of a seed below 2^32.

    >>> key_of_seed(7).tolist()
    [0, 7]
    """
    return np.array([0, seed], np.uint32)


@lru_cache(maxsize=256)
def purpose_key(seed: int, purpose: int) -> Key:
    """The key of one purpose among several of a seed: ``jax.random.fold_in(jax.random.key(seed), purpose)``; read only.

    >>> purpose_key(12345, 77).tolist()
    [192821482, 202942126]
    """
    return keys_of_rows(key_of_seed(seed), np.array([purpose], np.uint32))[0]


def keys_of_rows(key: Key, hashes: UInt32[np.ndarray, " n"]) -> Keys:
    """``fold_in(key, hash)`` of each row."""
    return np.concatenate(_cipher(key[None], np.zeros_like(hashes)[:, None], hashes[:, None]), axis=1)


def uniform(keys: Keys, n_numbers: int) -> Float32[np.ndarray, "n numbers"]:
    """The first numbers of each key, uniform on [0, 1): those of ``jax.random.uniform`` in float32."""
    counter = np.arange(n_numbers, dtype=np.uint32)[None]
    found = np.empty((len(keys), n_numbers), np.float32)
    rows = max(1, _AT_ONCE // max(n_numbers, 1))
    for first in range(0, len(keys), rows):
        left, right = _cipher(keys[first : first + rows], np.zeros_like(counter), counter)
        left ^= right
        found[first : first + rows] = (left >> np.uint32(9) | np.uint32(0x3F800000)).view(np.float32) - np.float32(1)
    return found


def generators(keys: Keys) -> Iterator[np.random.Generator]:
    """NumPy's generator as it starts from each key, one after another: to be used before the next one is asked for."""
    source = np.random.Philox(0)
    generator, state = np.random.Generator(source), source.state  # with an empty buffer
    start = np.zeros(2, np.uint64)
    state["state"] = {"counter": np.zeros(4, np.uint64), "key": start}
    for number in keys.astype(np.uint64) @ np.array([1 << 32, 1], np.uint64):
        start[0] = number
        source.state = state  # a hundredth of the time of a new generator
        yield generator


def _cipher(
    keys: UInt32[np.ndarray, "_ 2"], high: UInt32[np.ndarray, "..."], low: UInt32[np.ndarray, "..."]
) -> tuple[UInt32[np.ndarray, "..."], UInt32[np.ndarray, "..."]]:
    """The two halves of the cipher of the counters (high, low), each key along the first axis."""
    parts = (keys[:, :1], keys[:, 1:], keys[:, :1] ^ keys[:, 1:] ^ _PARITY)
    left, right = high + parts[0], low + parts[1]
    spare = np.empty_like(right)
    for step in range(5):
        for places in _ROTATIONS[step % 2]:
            left += right
            np.left_shift(right, np.uint32(places), out=spare)
            right >>= np.uint32(32 - places)
            right |= spare
            right ^= left
        left += parts[(step + 1) % 3]
        right += parts[(step + 2) % 3] + np.uint32(step + 1)
    return left, right
