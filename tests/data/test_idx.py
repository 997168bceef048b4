"""IDX files of every item type, against bytes written item by item from the description of the format."""

import gzip

import numpy as np
import pytest

from lowerbound.data.files import read_array
from tests.data.idx_bytes import idx_bytes


@pytest.mark.parametrize("name", ["a.idx", "t10k-images-idx3-ubyte", "a.idx3-ubyte.gz", "t10k-images-idx2-double.gz"])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "float32", "float64"])
def test_idx_of_every_type(tmp_path, name, dtype):
    array = np.random.default_rng(2).integers(0, 120, (4, 3, 2)).astype(dtype) - np.array(1, dtype)
    content = idx_bytes(array)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    found = read_array(tmp_path / name)
    assert found.dtype == np.dtype(dtype)
    assert found.dtype.isnative
    assert found.flags.writeable
    np.testing.assert_array_equal(found, array)


def test_idx_longer_than_its_header_and_of_unknown_type(tmp_path):
    content = idx_bytes(np.arange(6, dtype=np.uint8).reshape(2, 3))
    (tmp_path / "x.idx").write_bytes(content + b"\0")
    with pytest.raises(ValueError, match=r"7 bytes after a header that announces \(2, 3\) of uint8"):
        read_array(tmp_path / "x.idx")
    (tmp_path / "x.idx").write_bytes(b"\0\0\x07" + content[3:])
    with pytest.raises(ValueError, match="start with 0, 0 and a type code"):
        read_array(tmp_path / "x.idx")
