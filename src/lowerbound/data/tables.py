"""Tables: rows and named columns of numbers, as .csv or .tsv text or Apache Parquet, read and written by pandas.

How a text file is read, and which row of it is its header, is told in ``data.text_tables``.
"""

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from lowerbound.data.decoding import decoding, opened
from lowerbound.data.text_tables import offender, read_text, remedy, without_blanks

TABLES = (".csv", ".tsv", ".parquet")
"""Extensions of tables that can be read."""


class Table(NamedTuple):
    """A numeric table: values (rows, columns), NaN where a cell is empty, the names of the columns, and what was in doubt."""

    values: Shaped[np.ndarray, "rows columns"]
    columns: tuple[str, ...]
    note: str = ""


def read_table(path: str | os.PathLike[str], *, header: bool | None = None, encoding: str | None = None) -> Table:
    r"""The values and column names of a .csv, .tsv or .parquet table.

    Parameters
    ----------
    path : str or path-like
        A .csv, .tsv or .parquet file. How a text file is read is told in ``data.text_tables``.
    header : bool, optional
        Whether the first row of a text file holds names; None finds out.
    encoding : str, optional
        Encoding of a text file, such as "latin-1"; None takes UTF-8, or UTF-16 and UTF-32 by their marks.

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
           [ 2.,  3.]]), columns=('height', 'width'), note='')
    """
    file = Path(path)
    kind = file.suffix.lower()
    if kind not in TABLES:
        raise ValueError(f"table must be a .csv, .tsv or .parquet file; got {file}. Use read_array.")
    pandas, note, decimal = _pandas(file), "", "."
    with opened(file) as stream:
        if kind != ".parquet":
            frame, note, decimal = read_text(file, stream, pandas, header=header, encoding=encoding)
        else:
            with decoding(file, kind=kind):  # from the stream: given a path, pyarrow makes columns of folders named a=1
                frame = pandas.read_parquet(stream, engine="pyarrow")
    if not all(frame.shape):
        raise ValueError(f"table must have rows and columns; got {frame.shape} in {file}. Write its values first.")
    return _numeric(file, frame, pandas, note=note, decimal=decimal)


def table_frame(file: Path, values: Shaped[np.ndarray, "..."], names: Sequence[str] | None) -> Any:
    """The pandas frame that `file` is written from: values (rows, columns) or (rows,), and names x0, x1, … if None."""
    if values.ndim not in (1, 2):
        raise ValueError(f"table {file} must have 1 or 2 dimensions; got {values.shape}. Reshape, or write .npy.")
    values = values[:, None] if values.ndim == 1 else values
    width = values.shape[1]
    columns = [f"x{j}" for j in range(width)] if names is None else list(map(str, names))
    if len(columns) != width or len(set(columns)) != width:
        raise ValueError(f"names must be {width} different column names; got {columns}. Give one for each.")
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


def _numeric(file: Path, frame: Any, pandas: Any, *, note: str, decimal: str) -> Table:
    names = tuple(map(str, frame.columns))
    columns = [without_blanks(frame.iloc[:, j], pandas, decimal=decimal) for j in range(len(names))]
    wrong = [  # a column without any value may have any type
        j
        for j, cells in enumerate(columns)
        if not pandas.api.types.is_numeric_dtype(cells.dtype) and cells.notna().any()
    ]
    if wrong:
        offenders = [offender(columns[j], decimal=decimal) for j in wrong[:5]]
        shown = ", ".join(f"{names[j]!r} ({cell[:30]!r})" for j, cell in zip(wrong, offenders, strict=False))
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        advice = remedy(offenders[0], alone=len(names) == 1)
        raise ValueError(f"columns of {file} must be numeric; got other values in {shown}{more}. {advice}")
    return Table(np.stack([_cells(column) for column in columns], axis=1), names, note)


def _cells(column: Any) -> Shaped[np.ndarray, " rows"]:
    """Numbers and NaN; columns of the nullable types mark holes by NA, and a column of holes may have any type."""
    cells: np.ndarray = column.to_numpy()
    if not column.hasnans or cells.dtype.kind == "f":
        return cells
    if column.isna().all():
        return np.full(len(cells), np.nan)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
