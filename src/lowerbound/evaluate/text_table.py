"""A table as plain text of a given width, and as HTML: names on the left, numbers on the right, sentences below."""

import html
import textwrap
from collections.abc import Sequence

_GAP = "  "
_NARROWEST = 16  # for the first column


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]], sentences: Sequence[str], *, width: int) -> str:
    """Aligned columns and, after an empty line, the sentences; the first column is wrapped where the table is too wide.

    >>> print(plain_table(("who", "age"), [("Ann", "7"), ("Bo", "12")], ["In years."], width=40))
    who  age
    Ann    7
    Bo    12
    <BLANKLINE>
    In years.
    """
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    room = width - sum(widths[1:]) - len(_GAP) * (len(widths) - 1)
    widths[0] = min(widths[0], max(_NARROWEST, room))
    text = [part for line in lines for part in _line(line, widths)]
    below = [part for sentence in sentences for part in textwrap.wrap(sentence, width, subsequent_indent="  ")]
    return "\n".join([*text, *([""] if below else []), *below])


def _line(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """One row, of several lines where its first cell is wrapped; the numbers stand on the first."""
    first, *more = textwrap.wrap(cells[0], widths[0], subsequent_indent="  ") or [""]
    numbers = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return [_GAP.join([first.ljust(widths[0]), *numbers]).rstrip(), *more]


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]], sentences: Sequence[str]) -> str:
    """The same as HTML; every text is escaped.

    >>> html_table(("who", "age"), [("A & B", "7")], [])
    '<table><thead><tr><th>who</th><th>age</th></tr></thead><tbody><tr><th>A &amp; B</th><td>7</td></tr></tbody></table>'
    """
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr><th>{html.escape(row[0])}</th>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    below = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"
