"""Array files: one rectangular array of numbers, and its column names where the format has them.

| extension | format | read | written | column names |
|---|---|---|---|---|
| .npz | NumPy archive of named arrays | yes | yes, one array named `x` | no |
| .npy | NumPy array | yes | yes | no |
| .csv | text table, separated by commas, semicolons or tabs | yes | yes, commas | yes |
| .parquet | Apache Parquet table | yes | yes | yes |
| .idx, .idx3-ubyte, -idx3-ubyte, each with .gz | IDX, the format of MNIST | yes | no | no |

Three rules hold for all of them. Nothing is unpickled: a file of Python objects is refused. A file that is
missing, empty, truncated or damaged gives one error that names it. A file is written beside its target and
then renamed, so that the target holds the old content or the new one, never a part.
"""

import csv
import gzip
import math
import os
import re
import struct
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import filterfalse
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from jaxtyping import Shaped

READABLE = (".npz", ".npy", ".csv", ".parquet", ".idx", ".idx.gz")
WRITABLE = (".npz", ".npy", ".csv", ".parquet")

_IDX_FILE = re.compile(r"[.-](idx\d*(-?(ubyte|byte|short|int|float|double))?|ubyte)(\.gz)?$")
_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_EMPTY_CELLS = {"", "na", "n/a", "#n/a", "nan", "<na>", "null", "none"}


class Table(NamedTuple):
    """A numeric table: values (rows, columns), NaN where a cell is empty, and the names of the columns."""

    values: Shaped[np.ndarray, "rows columns"]
    columns: tuple[str, ...]


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
    kind = _format(file)
    if name is not None and kind != ".npz":
        raise ValueError(f"name of an array must go with an .npz file; got {name!r} for {file}. Leave it out.")
    if memory_map and kind != ".npy":
        raise ValueError(f"memory_map must go with an .npy file; got {file}. Convert it with write_array.")
    if kind in (".csv", ".parquet"):
        return read_table(file).values
    with _open(file) as stream:
        if kind == ".npz":
            array = _read_npz(file, stream, name)
        elif kind == ".npy":
            array = _read_npy(file, stream, memory_map)
        else:
            array = _read_idx(file, stream, compressed=kind == ".idx.gz")
    return array if array.dtype.isnative or memory_map else array.astype(array.dtype.newbyteorder("="))


def read_table(path: str | os.PathLike[str]) -> Table:
    r"""The values and column names of a .csv or .parquet table.

    The first row of a .csv file is its header if any cell is neither a number nor empty, or if it counts
    0, 1, 2, … over at least three columns (the names pandas gives); otherwise the columns are named x0, x1, …
    A first column without a name that counts the rows from 0 is the index pandas writes, and is left out.

    Parameters
    ----------
    path : str or path-like
        A .csv or .parquet file.

    Returns
    -------
    Table
        `values` (rows, columns) and `columns`.

    Raises
    ------
    FileNotFoundError, OSError, ValueError
        As `read_array`; also where a row is longer or shorter than the first.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "x.csv"
    ...     _ = file.write_text("height,width\n1,\n2,3\n")
    ...     read_table(file)
    Table(values=array([[ 1., nan],
           [ 2.,  3.]]), columns=('height', 'width'))
    """
    file = Path(path)
    kind = _format(file)
    if kind not in (".csv", ".parquet"):
        raise ValueError(f"table must be a .csv or .parquet file; got {file}. Use read_array.")
    pandas = _pandas(file)
    with _open(file) as stream:
        if kind == ".parquet":
            with _decoding(file):  # from the stream: given a path, pyarrow makes columns of folders named a=1
                frame = pandas.read_parquet(stream, engine="pyarrow")
        else:
            frame = _read_csv(file, stream, pandas)
    if not all(frame.shape):
        raise ValueError(f"table must have rows and columns; got {frame.shape} in {file}. Write its values first.")
    return _numeric(file, frame, pandas)


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
    if values.dtype.kind not in ("biuf" if kind in (".csv", ".parquet") else "biufcUS"):
        raise ValueError(f"array in {file} must hold numbers; got dtype {values.dtype}. Convert it first.")
    width = values.shape[1] if values.ndim > 1 else 1
    columns = tuple(f"x{j}" for j in range(width)) if names is None else tuple(map(str, names))
    if names is not None and (len(columns) != width or len(set(columns)) != width):
        raise ValueError(f"names must be {width} different column names; got {list(columns)}. Give one for each.")
    frame: Any = None
    if kind in (".csv", ".parquet"):
        if values.ndim not in (1, 2):
            raise ValueError(f"table {file} must have 1 or 2 dimensions; got {values.shape}. Reshape, or write .npy.")
        if kind == ".csv" and not _is_header(columns):
            raise ValueError(f"names in {file} must not all be numbers; got {list(columns)}. They would read as data.")
        frame = _pandas(file).DataFrame(values.reshape(len(values), width), columns=list(columns))

    target = Path(os.path.realpath(file))  # a link stays a link
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with open(part, "xb") as stream:
            if kind == ".npy":
                np.save(stream, values, allow_pickle=False)
            elif kind == ".npz":
                np.savez_compressed(stream, allow_pickle=False, x=values)
            elif kind == ".csv":
                frame.to_csv(stream, index=False, mode="wb")
            else:
                frame.to_parquet(stream, engine="pyarrow", index=False)
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


def _format(file: Path, known: Sequence[str] = READABLE) -> str:
    name = file.name.lower()
    kind = file.suffix.lower()
    if _IDX_FILE.search(name):
        kind = ".idx.gz" if name.endswith(".gz") else ".idx"
    if kind not in known:
        raise ValueError(f"extension of {file} must be one of {', '.join(known)}; got {kind!r}. Convert or rename it.")
    return kind


def _pandas(file: Path) -> Any:
    try:
        if file.suffix.lower() == ".parquet":
            import_module("pyarrow")
        return import_module("pandas")
    except ImportError as error:
        raise ValueError(
            f'table {file} needs pandas and pyarrow; got: {error}. pip install "lowerbound[tables]"'
        ) from error


def _open(file: Path) -> BinaryIO:
    try:
        if os.path.isfile(file) and os.path.getsize(file) == 0:
            raise ValueError(f"file {file} must not be empty; got 0 bytes. Copy or download it again.")
        return open(file, "rb")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"file {file} must exist; got none. Check the spelling and folder.") from error
    except OSError as error:
        if os.path.isdir(file):
            raise IsADirectoryError(f"{file} must be a file; got a folder. Name a file in it.") from error
        raise OSError(f"file {file} must be readable; got: {error.strerror}. Check permissions.") from error


@contextmanager
def _decoding(file: Path) -> Iterator[None]:
    """One error for whatever a decoder raises on damaged bytes: NumPy, zlib, pyarrow raise a dozen types."""
    try:
        yield
    except Warning:  # a caller who turns warnings into errors
        raise
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "")[:200]
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(f"file {file} must be readable; got: {error.strerror}. Check the disk.") from error
        if "Object arrays" in reason or "Python objects in dtype" in reason:
            raise ValueError(
                f"file {file} must hold numbers; got pickled Python objects, which are never loaded. "
                "Save a numeric array, with NaN for what is missing."
            ) from error
        if isinstance(error, MemoryError):
            raise ValueError(f"file {file} must fit in memory; got {reason}. Read an .npy by memory_map.") from error
        raise ValueError(
            f"file {file} must be a complete {_format(file)} file; got truncated or damaged bytes "
            f"({type(error).__name__}: {reason}). Copy or download it again."
        ) from error


def _expect_start(file: Path, stream: BinaryIO, start: bytes) -> None:
    found = stream.read(len(start))
    stream.seek(0)
    if found != start:
        raise ValueError(
            f"file {file} must be a complete {_format(file)} file; got one that starts with {found!r}. "
            "It is truncated, or of another format."
        )


def _read_npz(file: Path, stream: BinaryIO, name: str | None) -> np.ndarray:
    _expect_start(file, stream, b"PK")
    with _decoding(file):
        archive = np.load(stream, allow_pickle=False)
    held = ", ".join(archive.files) or "none"
    if name is None and len(archive.files) != 1:
        raise ValueError(f"name must choose an array of {file}; it holds: {held}. Write {file}:NAME or name=.")
    if name is not None and name not in archive.files:
        raise ValueError(f"name must be an array of {file}, which holds: {held}; got {name!r}. Choose one of these.")
    with _decoding(file):
        array = archive[archive.files[0] if name is None else name]
        if not isinstance(array, np.ndarray):  # NumPy hands over the bytes of a member that is no array
            raise TypeError("a member of the archive is not an array")
        return array


def _read_npy(file: Path, stream: BinaryIO, memory_map: bool) -> np.ndarray:
    _expect_start(file, stream, b"\x93NUMPY")
    with _decoding(file):
        if memory_map:
            mapped: np.ndarray = np.load(file, mmap_mode="r", allow_pickle=False)
            return mapped
        array: np.ndarray = np.load(stream, allow_pickle=False)
        return array


def _read_idx(file: Path, stream: BinaryIO, compressed: bool) -> np.ndarray:
    """Two zeros, a type code, the number of dimensions (bytes), the sizes (uint32), the items: big-endian."""
    with _decoding(file):
        content = gzip.GzipFile(fileobj=stream).read() if compressed else stream.read()
        zeros, code, n_dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{n_dimensions}I", content, 4)
        if zeros != 0 or code not in _IDX_TYPES:
            raise ValueError(f"IDX files start with 0, 0 and a type code; this one with {content[:3]!r}")
        dtype, start = np.dtype(_IDX_TYPES[code]), 4 + 4 * n_dimensions
        if len(content) - start != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{len(content) - start} bytes after a header that announces {shape} of {dtype.name}")
        return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.strip().lower() in _EMPTY_CELLS
    return True


def _is_header(cells: Sequence[str]) -> bool:
    counted = [cell.strip() for cell in cells if cell.strip()]
    counts = len(counted) > 2 and counted == [str(j) for j in range(len(counted))]
    return counts or not all(map(_is_number, cells))


def _read_csv(file: Path, stream: BinaryIO, pandas: Any) -> Any:
    with _decoding(file), open(file, encoding="utf-8-sig", newline="") as text:
        first_line = next((line for line in text if line.strip()), "")
        unquoted = re.sub(r'"[^"]*"', "", first_line)
        # Semicolons win: beside them a comma is a decimal sign, which must fail, not split a number.
        separator = next((mark for mark in ";\t" if mark in unquoted), ",")
        text.seek(0)
        rows = csv.reader(text, delimiter=separator, skipinitialspace=True)
        first = next((row for row in rows if row), [])
        uneven = next((row for row in rows if row and len(row) != len(first)), None)  # pandas would pad it
        line = rows.line_num
    if uneven is not None:
        raise ValueError(
            f"rows of {file} must have {len(first)} cells each, as the first; got {len(uneven)} in "
            f"line {line}. Complete it, or leave it out."
        )
    header = _is_header(first)
    with _decoding(file):
        frame = pandas.read_csv(
            stream, sep=separator, header=0 if header else None, index_col=False, skipinitialspace=True,
            encoding="utf-8-sig", low_memory=False,
        )  # fmt: skip
    if not header:
        frame.columns = [f"x{j}" for j in range(frame.shape[1])]
    elif not first[0].strip() and np.array_equal(frame.iloc[:, 0], range(len(frame))):
        frame = frame.iloc[:, 1:]
    return frame


def _numeric(file: Path, frame: Any, pandas: Any) -> Table:
    names = tuple(str(column) for column in frame.columns)
    columns = [frame.iloc[:, j] for j in range(len(names))]
    numeric = pandas.api.types.is_numeric_dtype
    wrong = [(name, cells) for name, cells in zip(names, columns, strict=True) if not numeric(cells.dtype)]
    if wrong:
        offenders = [next(filterfalse(_is_number, map(str, cells.dropna())), "") for _, cells in wrong[:5]]
        shown = ", ".join(f"{name!r} ({cell[:30]!r})" for (name, _), cell in zip(wrong, offenders, strict=False))
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ValueError(
            f"columns of {file} must be numeric; got other values in {shown}{more}. "
            "Leave these columns out, or code them as numbers; leave missing cells empty."
        )
    arrays = [  # columns of the nullable types mark holes by NA
        column.to_numpy(dtype=np.float64, na_value=np.nan)
        if column.hasnans and not isinstance(column.dtype, np.dtype)
        else column.to_numpy()
        for column in columns
    ]
    kind = np.result_type(*(array.dtype for array in arrays))
    values = np.empty((len(frame), len(names)), kind)
    for j, array in enumerate(arrays):
        values[:, j] = array
    return Table(values, names)
