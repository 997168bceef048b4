"""Tables: rows and named columns of numbers, as .csv text or Apache Parquet, read and written by pandas.

A .csv file says neither where its cells end nor whether its first row is a header. The rules, in order:

1. Cells are separated by semicolons if the first line has one outside quotes, else by tabs, else by commas.
2. Every row has as many cells as the first. Pandas would fill a short row, and so a file cut within a row, with
   empty cells.
3. The first row is the header if any cell is neither a number nor empty, or if it counts 0, 1, 2, … over at
   least three columns (the names pandas gives); otherwise the columns are named x0, x1, …
4. A first column without a name that counts the rows from 0 is the index pandas writes, and is left out.
"""

import csv
import os
import re
from collections.abc import Sequence
from importlib import import_module
from itertools import filterfalse
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from jaxtyping import Shaped

from lowerbound.data.decoding import decoding, opened

_EMPTY_CELLS = {"", "na", "n/a", "#n/a", "nan", "<na>", "null", "none"}


class Table(NamedTuple):
    """A numeric table: values (rows, columns), NaN where a cell is empty, and the names of the columns."""

    values: Shaped[np.ndarray, "rows columns"]
    columns: tuple[str, ...]


def read_table(path: str | os.PathLike[str]) -> Table:
    r"""The values and column names of a .csv or .parquet table.

    Parameters
    ----------
    path : str or path-like
        A .csv or .parquet file. Which row of a .csv file is its header is told above.

    Returns
    -------
    Table
        `values` (rows, columns), in the common type of the columns, and `columns`.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    OSError
        The path is a folder, or may not be read.
    ValueError
        The extension is another; the file is empty, truncated or damaged, holds text columns, or has a row
        longer or shorter than the first; pandas is missing.

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
    kind = file.suffix.lower()
    if kind not in (".csv", ".parquet"):
        raise ValueError(f"table must be a .csv or .parquet file; got {file}. Use read_array.")
    pandas = _pandas(file)
    with opened(file) as stream:
        if kind == ".csv":
            frame = _read_csv(file, stream, pandas)
        else:
            with decoding(file, kind=kind):  # from the stream: given a path, pyarrow makes columns of folders named a=1
                frame = pandas.read_parquet(stream, engine="pyarrow")
    if not all(frame.shape):
        raise ValueError(f"table must have rows and columns; got {frame.shape} in {file}. Write its values first.")
    return _numeric(file, frame, pandas)


def table_frame(file: Path, values: Shaped[np.ndarray, "..."], names: Sequence[str] | None) -> Any:
    """The pandas frame that `file` is written from: values (rows, columns) or (rows,), and names x0, x1, … if None."""
    if values.ndim not in (1, 2):
        raise ValueError(f"table {file} must have 1 or 2 dimensions; got {values.shape}. Reshape, or write .npy.")
    values = values[:, None] if values.ndim == 1 else values
    width = values.shape[1]
    columns = [f"x{j}" for j in range(width)] if names is None else list(map(str, names))
    if len(columns) != width or len(set(columns)) != width:
        raise ValueError(f"names must be {width} different column names; got {columns}. Give one for each.")
    if file.suffix.lower() == ".csv" and not _is_header(columns):
        raise ValueError(f"names in {file} must not all be numbers; got {columns}. They would read as data.")
    return _pandas(file).DataFrame(values, columns=columns)


def _pandas(file: Path) -> Any:
    try:
        if file.suffix.lower() == ".parquet":
            import_module("pyarrow")
        return import_module("pandas")
    except ImportError as error:
        raise ValueError(
            f'table {file} needs pandas and pyarrow; got: {error}. pip install "lowerbound[tables]"'
        ) from error


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
    uneven: list[str] | None = None
    with decoding(file, kind=".csv"), open(file, encoding="utf-8-sig", newline="") as text:
        first_line = next((line for line in text if line.strip()), "")
        unquoted = re.sub(r'"[^"]*"', "", first_line)
        # Semicolons win: beside them a comma is a decimal sign, which must fail, not split a number.
        separator = next((mark for mark in ";\t" if mark in unquoted), ",")
        text.seek(0)
        rows = csv.reader(text, delimiter=separator, skipinitialspace=True)
        first = next(filter(None, rows), [])
        if not _has_even_lines(file, separator, len(first)):
            uneven = next((row for row in rows if row and len(row) != len(first)), None)
    if uneven is not None:
        raise ValueError(
            f"rows of {file} must have {len(first)} cells each, as the first; got {len(uneven)} in "
            f"line {rows.line_num}. Complete it, or leave it out."
        )
    header = _is_header(first)
    with decoding(file, kind=".csv"):
        frame = pandas.read_csv(
            stream, sep=separator, header=0 if header else None, index_col=False, skipinitialspace=True,
            encoding="utf-8-sig", low_memory=False,
        )  # fmt: skip
    if not header:
        frame.columns = [f"x{j}" for j in range(frame.shape[1])]
    elif not first[0].strip() and np.array_equal(frame.iloc[:, 0], range(len(frame))):
        frame = frame.iloc[:, 1:]
    return frame


def _has_even_lines(file: Path, separator: str, n_cells: int) -> bool:
    """Whether each line below the first is blank or has n_cells cells and no quotes: quicker to tell than to parse."""
    with open(file, encoding="latin-1") as text:  # decodes any byte
        next(text)
        return all((line.count(separator) == n_cells - 1 and '"' not in line) or line == "\n" for line in text)


def _numeric(file: Path, frame: Any, pandas: Any) -> Table:
    names = tuple(map(str, frame.columns))
    columns = [frame.iloc[:, j] for j in range(len(names))]
    wrong = [  # a column without any value may have any type
        j
        for j, cells in enumerate(columns)
        if not pandas.api.types.is_numeric_dtype(cells.dtype) and cells.notna().any()
    ]
    if wrong:
        offenders = [next(filterfalse(_is_number, map(str, columns[j].dropna())), "") for j in wrong[:5]]
        shown = ", ".join(f"{names[j]!r} ({cell[:30]!r})" for j, cell in zip(wrong, offenders, strict=False))
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ValueError(
            f"columns of {file} must be numeric; got other values in {shown}{more}. "
            "Leave these columns out, or code them as numbers; leave missing cells empty."
        )
    return Table(np.stack([_cells(column) for column in columns], axis=1), names)


def _cells(column: Any) -> Shaped[np.ndarray, " rows"]:
    """Numbers and NaN; columns of the nullable types mark holes by NA, and a column of holes may have any type."""
    cells: np.ndarray = column.to_numpy()
    if not column.hasnans or cells.dtype.kind == "f":
        return cells
    if column.isna().all():
        return np.full(len(cells), np.nan)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
