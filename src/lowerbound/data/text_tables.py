"""Text tables: the form of a .csv or .tsv file, found from its first lines, and its cells as numbers.

A text file says neither where its cells end nor whether its first row is a header. The rules, in order:

1. It is UTF-8, or UTF-16 or UTF-32 where it begins with that mark; ``encoding`` says otherwise.
2. Blank lines, and lines that begin with #, are left out at the top; the last of these is the header if it has as many cells as
   the line below. A first line ``sep=;`` names the separator, as spreadsheets write it.
3. Cells are separated by semicolons if the first line has one outside quotes, else by tabs, else by commas. Where they are not
   separated by commas, a comma in a number is a decimal sign, unless all of them could mark thousands.
4. Every row has as many cells as the first. Pandas would fill a short row, and so a file cut within a row, with empty cells. A
   last column without name and values, from a separator at the end of each line, is left out.
5. ``header`` says whether the first row is one. If not: it is, where a cell is neither a number nor empty; where its first cell
   is empty and that of the rows below is not (an index without a name); where it counts 0, 1, 2, … over at least three columns
   (the names pandas gives); and where it is at least three numbers in rising or falling order (years, wavelengths), most of them
   outside of the range of their columns, where few rows below are in order. It is data where all that is no number is TRUE or
   FALSE above others of these, or a mere sign such as ?. Other columns are named x0, x1, … A choice about a row without words is
   said in the note.
6. A first column without a name that counts the rows from 0 is the index pandas writes, and is left out. Blanks around names are
   left out.
"""

import csv
import re
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from jaxtyping import Float

from lowerbound.data.decoding import decoding

_EMPTY_CELLS = {"", "na", "n/a", "#n/a", "nan", "<na>", "null", "none"}

_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
_ROWS_LOOKED_AT = 20
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_MAYBE_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")  # 0,125 is none


class TextTable(NamedTuple):
    """A pandas frame whose cells may be text yet, what is to be said of its header, and its decimal sign."""

    frame: Any
    note: str
    decimal: str


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.strip().lower() in _EMPTY_CELLS
    return "_" not in cell  # which Python allows, and no table means


class _Form(NamedTuple):
    """How a text file is to be read: where its rows begin, what separates its cells, and the first of them."""

    encoding: str
    skipped: int
    separator: str
    first: list[str]
    names: list[str] | None  # from a line that begins with #
    below: list[list[str]]


def _form(file: Path, encoding: str) -> _Form:
    """The form of a text file, from its first lines."""
    with open(file, encoding=encoding, newline="") as text:
        skipped, separator, marked = 0, None, ""
        for line in text:
            bare = line.strip()
            if found := re.fullmatch(r"\"?sep=(.)\"?", line.strip(" \r\n\ufeff"), re.IGNORECASE):
                separator = found[1]
            elif bare and not bare.startswith("#"):
                break
            elif bare:
                marked = bare.lstrip("#").strip()
            skipped += 1
        else:
            line = ""
        unquoted = re.sub(r'"[^"]*"', "", line)
        # Semicolons win: beside them a comma is a decimal sign, which must fail, not split a number.
        separator = separator or next((mark for mark in ";\t" if mark in unquoted), ",")
        rows = csv.reader(chain([line], text), delimiter=separator, skipinitialspace=True)
        first = next(filter(None, rows), [])
        names = next(csv.reader([marked], delimiter=separator, skipinitialspace=True), [])
        below = list(islice(filter(None, rows), _ROWS_LOOKED_AT))
    named = len(names) == len(first) > 1 and _in_doubt(first)
    return _Form(encoding, skipped, separator, first, [name.strip() for name in names] if named else None, below)


def _in_doubt(first: Sequence[str]) -> bool:
    """Whether no cell is a word, so that a row may be names or data."""
    return all(_is_number(cell) or _is_bit(cell) or not re.search(r"[^\W\d_]", cell) for cell in first)


def _is_bit(cell: str) -> bool:
    return cell.strip().lower() in ("true", "false")


def _with_points(cell: str) -> str:
    """A cell of a file with decimal commas as Python writes numbers; a point is no decimal sign there."""
    return cell.replace(".", "_").replace(",", ".")


def _has_header(form: _Form, decimal: str) -> bool:
    """Rule 5, where nobody says."""
    if not _in_doubt(form.first):
        return True
    if decimal == ",":
        first, *below = ([_with_points(cell) for cell in row] for row in (form.first, *form.below))
        form = form._replace(first=first, below=below)
    cells = [cell.strip() for cell in form.first]
    if not cells[0] and any(cells) and _is_index([row[0] for row in form.below]):
        return True
    others = [j for j, cell in enumerate(cells) if not _is_number(cell)]
    if others:
        bits = {j for j in others if any(len(row) > j and _is_bit(row[j]) for row in form.below)}
        return not all(j in bits or re.fullmatch(r"\W+", cells[j]) for j in others)
    counted = [cell for cell in cells if cell]
    if len(counted) > 2 and counted == [str(j) for j in range(len(counted))]:
        codes = np.concatenate([_floats(row) for row in form.below] or [np.zeros(0)])
        return len(counted) > 5 or not np.all((codes == np.round(codes)) | np.isnan(codes))  # else codes 0, 1, 2
    few = sum(map(_ordered, form.below)) < 0.75 * len(form.below)
    return few and _ordered(cells) and _outside(cells, form.below)


def _is_index(cells: Sequence[str]) -> bool:
    """Whether the cells of a first column label rows: none is empty, and if all are numbers, whole and rising ones."""
    if not cells or not all(cell.strip() for cell in cells):
        return False
    numbers = _floats(cells)
    rising = np.all(np.diff(numbers) > 0) and np.all(numbers == np.round(numbers))
    return bool(rising) or not _in_doubt(cells)


def _ordered(cells: Sequence[str]) -> bool:
    """Whether these are three or more numbers, each larger than the one before, or each smaller."""
    steps = np.diff(_floats(cells))
    return len(cells) > 2 and bool(np.all(steps > 0) or np.all(steps < 0))


def _outside(cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether most of these numbers are outside of the range of those below them."""
    rows = [_floats(row) for row in below if len(row) == len(cells)]
    if not rows:
        return False
    found, values = _floats(cells), np.stack(rows)
    outside = (found < np.fmin.reduce(values)) | (found > np.fmax.reduce(values))
    return bool(2 * outside.sum() > len(cells))


def _floats(cells: Sequence[str]) -> Float[np.ndarray, " cells"]:
    """The cells as numbers, NaN for what is none."""
    return np.array(
        [float(cell) if _is_number(cell) and cell.strip().lower() not in _EMPTY_CELLS else np.nan for cell in cells]
    )


def read_text(file: Path, stream: BinaryIO, pandas: Any, *, header: bool | None, encoding: str | None) -> TextTable:
    """The frame of a .csv or .tsv file, what to say of its header, and its decimal sign."""
    start = stream.read(4)
    stream.seek(0)
    encoding = "utf-8" if encoding is None else encoding
    if encoding.lower() in ("utf-8", "utf8"):
        encoding = next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")
        if encoding == "utf-8" and b"\0" in start:
            raise _wrong_encoding(file, encoding, "zero bytes", likely="utf-16-le")
    try:
        with decoding(file, kind=file.suffix.lower()):
            form = _form(file, encoding)
            uneven = _uneven_line(file, form)
    except ValueError as error:
        cause = error.__cause__
        if isinstance(cause, UnicodeError):
            raise _wrong_encoding(file, encoding, str(cause.args[-1])) from error
        if isinstance(cause, LookupError) and "encoding" in str(cause):
            raise ValueError(
                f"encoding of {file} must be a known one; got {encoding!r}. Give utf-8, utf-16, latin-1 or the like."
            ) from error
        raise
    if not form.first:
        raise ValueError(f"table must have rows and columns; got none in {file}. Write its values first.")
    if uneven is not None:
        raise ValueError(uneven)
    decimal = _decimal_sign(file, form)
    if header is not None:
        form = form._replace(names=None)  # the first row itself is meant
    note, named = "", form.names is not None or (_has_header(form, decimal) if header is None else header)
    if header is None and form.names is None and _in_doubt(form.first):
        what, other = (
            ("names of columns", "--no-header reads it as data") if named else ("data", "--header reads it as names")
        )
        note = f"{file}: the first row holds no words, and was taken as {what}; {other}."
    with decoding(file, kind=file.suffix.lower()):
        frame = pandas.read_csv(
            stream, sep=form.separator, header=0 if named and form.names is None else None, index_col=False,
            skiprows=form.skipped, skipinitialspace=True, encoding=encoding, low_memory=False,
            decimal=decimal, names=form.names,
        )  # fmt: skip
    if not named:
        frame.columns = [f"x{j}" for j in range(frame.shape[1])]
    else:
        frame.columns = _names(form.names or form.first)
    if frame.shape[1] > 1 and _ends_with_separator(form) and frame.iloc[:, -1].isna().all():
        frame = frame.iloc[:, :-1]
    if named and not form.first[0].strip() and np.array_equal(frame.iloc[:, 0], range(len(frame))):
        frame = frame.iloc[:, 1:]
    return TextTable(frame, note, decimal)


def _names(first: Sequence[str]) -> list[str]:
    """Names of columns: without blanks around them, and a number behind those that were there before, as pandas does."""
    bare = [cell.strip() or f"Unnamed: {j}" for j, cell in enumerate(first)]
    names: list[str] = []
    for name in bare:
        again = 0
        while (numbered := f"{name}.{again}" if again else name) in names or (again and numbered in bare):
            again += 1
        names.append(numbered)
    return names


def _ends_with_separator(form: _Form) -> bool:
    return not form.first[-1].strip() and all(not row[-1].strip() for row in form.below)


def _decimal_sign(file: Path, form: _Form) -> str:
    """A comma where numbers have one and cells are separated by something else; an error where it may mark thousands."""
    if form.separator == ",":
        return "."
    commas = [
        cell.strip() for row in (form.first, *form.below) for cell in row if _DECIMAL_COMMA.fullmatch(cell.strip())
    ]
    if not commas:
        return "."
    if all(map(_MAYBE_THOUSANDS.fullmatch, commas)):
        raise ValueError(
            f"numbers of {file} must have one meaning; got {commas[0]!r}, whose comma may be a decimal sign or mark thousands. "
            "Write the numbers without thousands separators, and with points for decimals."
        )
    return ","


def _wrong_encoding(file: Path, encoding: str, reason: str, *, likely: str = "latin-1") -> ValueError:
    return ValueError(
        f"file {file} must be {'UTF-8' if encoding.startswith('utf-8') else encoding} text; got bytes of another encoding "
        f"({reason}), such as latin-1 or UTF-16. Save it as UTF-8, or give its encoding (--encoding {likely})."
    )


def _uneven_line(file: Path, form: _Form) -> str | None:
    """What is wrong with the first row that has not as many cells as the first; None where all have."""
    n_cells = len(form.first)
    with open(file, encoding=form.encoding, newline="") as text:  # quicker to count than to parse
        if all(
            (line.count(form.separator) == n_cells - 1 and '"' not in line) or not line.strip(" \r\n")
            for line in islice(text, form.skipped, None)
        ):
            return None
    with open(file, encoding=form.encoding, newline="") as text:
        rows = csv.reader(islice(text, form.skipped, None), delimiter=form.separator, skipinitialspace=True)
        uneven = next((row for row in rows if any(cell.strip() for cell in row) and len(row) != n_cells), None)
    if uneven is None:
        return None
    line = rows.line_num + form.skipped
    if len(uneven) == n_cells + 1 and not uneven[-1].strip():
        return (
            f"rows of {file} must have {n_cells} cells each, as the first; line {line} ends with a separator, which makes an "
            "empty cell more. Remove it from the ends of the lines, or add one to the first."
        )
    return (
        f"rows of {file} must have {n_cells} cells each, as the first; got {len(uneven)} in line {line}. Complete it, or leave "
        "it out."
    )


def without_blanks(column: Any, pandas: Any, *, decimal: str) -> Any:
    """A column of text as one of numbers, if blanks around its cells, or empty cells among bits, were all that was in the way."""
    if pandas.api.types.is_numeric_dtype(column.dtype) or not column.notna().any():
        return column
    cells = [None if cell is None or cell != cell else cell for cell in column.tolist()]
    if all(cell is None or isinstance(cell, bool) for cell in cells):
        return pandas.Series([np.nan if cell is None else float(cell) for cell in cells])
    if not all(cell is None or isinstance(cell, str) for cell in cells):
        return column
    words = ["" if cell is None else cell for cell in cells]
    if decimal == ",":  # a point is no decimal sign then
        words = list(map(_with_points, words))
    return pandas.Series(_floats(words)) if all(map(_is_number, words)) else column


def offender(column: Any, *, decimal: str) -> str:
    """The first cell that is no number."""
    cells = map(str, column.dropna())
    return next((cell for cell in cells if not _is_number(cell) or (decimal == "," and "." in cell)), "")


def remedy(cell: str, *, alone: bool) -> str:
    """What to do about a cell that is no number; `alone`: in a file of one column."""
    bare = cell.strip()
    if re.fullmatch(r"[+-]?[\d.,]+\s*%", bare):
        return "Write percentages as numbers, without the sign."
    if re.fullmatch(r"[+-]?\d{1,3}([,.'_\s]\d{3})+([.,]\d+)?", bare):
        return "Write the numbers without thousands separators, and with points for decimals."
    if _DECIMAL_COMMA.fullmatch(bare):
        return "Write decimals with points, or separate the cells by semicolons."
    if alone and all(map(_is_number, re.split(r"[\s|:]+", bare))):
        return "Separate the cells by commas, semicolons or tabs, or name the separator in a first line, as by sep=|."
    return "Leave these columns out, or code them as numbers; leave missing cells empty."
