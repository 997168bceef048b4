"""Array files: one rectangular array of numbers, and its column names where the format has them.

| extension | format | read | written | column names |
|---|---|---|---|---|
| .npz | NumPy archive of named arrays | yes | yes, one array named `x` | no |
| .npy | NumPy array | yes | yes | no |
| .csv | text table, separated by commas, semicolons or tabs | yes | yes, commas | yes |
| .tsv | the same | yes | no | yes |
| .parquet | Apache Parquet table | yes | yes | yes |
| .idx, .idx3-ubyte, -idx3-ubyte, each with .gz | IDX, the format of MNIST | yes | no | no |

Three rules hold for all of them. Nothing is unpickled: a file of Python objects is refused. A file that is
missing, empty, truncated or damaged gives one error that names it. A file is written beside its target and
then renamed, so that the target holds the old content or the new one, never a part.
"""

import os
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Shaped

from lowerbound.data.decoding import decoding, expect_start, opened
from lowerbound.data.idx import read_idx
from lowerbound.data.tables import TABLES, Table, read_table, table_frame

__all__ = ["READABLE", "WRITABLE", "Table", "read_array", "read_table", "split_name", "write_array"]

READABLE = (".npz", ".npy", ".csv", ".tsv", ".parquet", ".idx", ".idx.gz")
WRITABLE = (".npz", ".npy", ".csv", ".parquet")

_IDX_FILE = re.compile(r"[.-](idx\d*(-?(ubyte|byte|short|int|float|double))?|ubyte)(\.gz)?$")


def split_name(text: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """The path and the array name in `data.npz:x_train`; the name is None for any other spelling.

    Examples
    --------
    >>> split_name("data.npz:x_train")[1]
    'x_train'
    >>> split_name("table.csv")[1] is None
    True
    """
    head, colon, name = os.fspath(text).rpartition(":")
    if colon and head.lower().endswith(".npz"):
        return Path(head), name
    return Path(text), None


def read_array(
    path: str | os.PathLike[str], *, name: str | None = None, memory_map: bool = False
) -> Shaped[np.ndarray, "..."]:
    """The array in a file, in native byte order; the extension chooses the format.

    Parameters
    ----------
    path : str or path-like
        A file of one of the formats above; `data.npz:x_train` names an array of an archive.
    name : str, optional
        Which array of an .npz archive; not needed where it holds one.
    memory_map : bool
        Leave an .npy file on disk, read-only, and read pages as they are used.

    Returns
    -------
    array
        Any shape. Tables come as (rows, columns) in the common type of the columns, NaN in the empty cells.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    OSError
        The path is a folder, or may not be read.
    ValueError
        The extension is unknown; the file is empty, truncated or damaged, or holds Python objects or text
        columns; the array is not named or not there; pandas is missing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_array(Path(folder) / "x.csv", np.array([[1.0, np.nan], [2.0, 3.5]]))
    ...     read_array(Path(folder) / "x.csv")
    array([[1. , nan],
           [2. , 3.5]])
    """
    file, name = split_name(path) if name is None else (Path(path), name)
    kind = _format(file, known=READABLE)
    if name is not None and kind != ".npz":
        raise ValueError(f"name of an array must go with an .npz file; got {name!r} for {file}. Leave it out.")
    if memory_map and kind != ".npy":
        raise ValueError(f"memory_map must go with an .npy file; got {file}. Convert it with write_array.")
    if kind in TABLES:
        return read_table(file).values
    with opened(file) as stream:
        if kind == ".npz":
            array = _read_npz(file, stream, name)
        elif kind == ".npy":
            array = _read_npy(file, stream, memory_map)
        else:
            array = read_idx(file, stream, compressed=kind == ".idx.gz")
    return array if array.dtype.isnative or memory_map else array.astype(array.dtype.newbyteorder("="))


def write_array(
    path: str | os.PathLike[str], array: Shaped[np.ndarray, "..."], *, names: Sequence[str] | None = None
) -> None:
    """Write an array; the target is replaced when all of it is on disk.

    Parameters
    ----------
    path : str or path-like
        Extension .npy, .npz (one array, named `x`), .csv or .parquet.
    array : array
        Numbers, or text in .npy and .npz. Tables take (rows, columns), or (rows,) as one column.
    names : sequence of str, optional
        One name for each column, kept by .csv and .parquet; by default x0, x1, …

    Raises
    ------
    ValueError
        The extension, the shape, the type or the names do not fit, or pandas is missing.
    OSError
        The file cannot be written (permission, disk full): the target is as before, nothing else remains.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_array(Path(folder) / "z.npz", np.eye(2))
    ...     read_array(Path(folder) / "z.npz:x").shape
    (2, 2)
    """
    file = Path(path)
    kind = _format(file, known=WRITABLE)
    values = np.asarray(array)
    table = kind in (".csv", ".parquet")
    if values.dtype.kind not in ("biuf" if table else "biufcUS"):
        raise ValueError(f"array in {file} must hold numbers; got dtype {values.dtype}. Convert it first.")
    frame: Any = table_frame(file, values, names) if table else None
    with replacing(file) as stream:
        if kind == ".npy":
            np.save(stream, values, allow_pickle=False)
        elif kind == ".npz":
            np.savez_compressed(stream, allow_pickle=False, x=values)
        elif kind == ".csv":
            frame.to_csv(stream, index=False, mode="wb")
        else:
            frame.to_parquet(stream, engine="pyarrow", index=False)


@contextmanager
def replacing(file: Path) -> Iterator[BinaryIO]:
    """A stream to a new file beside `file`, which takes its place at the end, or vanishes where the body fails."""
    target = Path(os.path.realpath(file))  # a link stays a link
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with open(part, "xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            f"file {file} must be writable; got: {reason}. Check the folder, permissions and free space."
        ) from error
    finally:
        with suppress(OSError):  # clearing up must not hide the error that made it necessary
            part.unlink(missing_ok=True)


def _format(file: Path, *, known: Sequence[str]) -> str:
    name = file.name.lower()
    kind = file.suffix.lower()
    if _IDX_FILE.search(name):
        kind = ".idx.gz" if name.endswith(".gz") else ".idx"
    if kind not in known:
        raise ValueError(f"extension of {file} must be one of {', '.join(known)}; got {kind!r}. Convert or rename it.")
    return kind


def _read_npz(file: Path, stream: BinaryIO, name: str | None) -> np.ndarray:
    expect_start(file, stream, b"PK", kind=".npz")
    with decoding(file, kind=".npz"):
        archive = np.load(stream, allow_pickle=False)
    held = ", ".join(archive.files) or "none"
    if name is None and len(archive.files) != 1:
        raise ValueError(f"name must choose an array of {file}; it holds: {held}. Write {file}:NAME or name=.")
    if name is not None and name not in archive.files:
        raise ValueError(f"name must be an array of {file}, which holds: {held}; got {name!r}. Choose one of these.")
    with decoding(file, kind=".npz"):
        array = archive[archive.files[0] if name is None else name]
        if not isinstance(array, np.ndarray):  # NumPy hands over the bytes of a member that is no array
            raise TypeError("a member of the archive is not an array")
        return array


def _read_npy(file: Path, stream: BinaryIO, memory_map: bool) -> np.ndarray:
    expect_start(file, stream, b"\x93NUMPY", kind=".npy")
    with decoding(file, kind=".npy"):
        if memory_map:
            mapped: np.ndarray = np.load(file, mmap_mode="r", allow_pickle=False)
            return mapped
        array: np.ndarray = np.load(stream, allow_pickle=False)
        return array
