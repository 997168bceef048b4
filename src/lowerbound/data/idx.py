"""IDX, the format of MNIST: a header of sizes, then the items of one array.

| bytes | meaning |
|---|---|
| 0, 0 | two zeros |
| 1 | type of the items, see `_TYPES` |
| 1 | number of dimensions, d |
| 4 d | sizes, uint32 |
| the rest | items, the last index fastest |

All numbers are big-endian. There is no checksum: the length of the file against its header is the only test of
completeness, besides that of gzip.

References
----------
LeCun, Cortes and Burges, "The MNIST database of handwritten digits", section "The IDX file format".
"""

import gzip
import math
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Shaped

from lowerbound.data.decoding import decoding

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(file: Path, stream: BinaryIO, *, compressed: bool) -> Shaped[np.ndarray, "..."]:
    """The array in the bytes of `file`, in the file's byte order; ValueError where they do not fit the header."""
    with decoding(file, kind=".idx.gz" if compressed else ".idx"):
        content = gzip.GzipFile(fileobj=stream).read() if compressed else stream.read()
        zeros, code, n_dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{n_dimensions}I", content, 4)
        if zeros != 0 or code not in _TYPES:
            raise ValueError(f"IDX files start with 0, 0 and a type code; this one with {content[:3]!r}")
        dtype, start = np.dtype(_TYPES[code]), 4 + 4 * n_dimensions
        if len(content) - start != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{len(content) - start} bytes after a header that announces {shape} of {dtype.name}")
        return np.frombuffer(content, dtype, offset=start).reshape(shape).copy()
