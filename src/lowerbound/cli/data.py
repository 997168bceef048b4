"""``lowerbound data [NAME]``: the named data sets."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table
from rich.text import Text

from lowerbound.cli import console
from lowerbound.data.catalog import describe, load_named


def data(
    name: Annotated[
        str | None, typer.Argument(help="A named data set, to see more of it.", metavar="[NAME]", show_default=False)
    ] = None,
) -> None:
    """List the named data sets, or show one of them.

    Where the environment variable LOWERBOUND_DATA names a folder, sets are looked for there first.
    """
    if name is None:
        table = Table("name", "shape", "type", "where", box=None, padding=(0, 2, 0, 0))
        for column in table.columns:
            column.overflow = "fold"
        for row in describe():
            table.add_row(row.name, _shape(row.shape), row.dtype, Path(row.available).name)
        console.show(table)
        return
    named = load_named(name)
    console.say(name, style="bold")
    console.show(Text(named.description))
    console.show(Text(f"Source: {named.source}"))
    for part, x, y in (("train", named.x_train, named.y_train), ("test", named.x_test, named.y_test)):
        labels = "" if y is None else f"; labels {y.dtype}, {len(np.unique(y))} different ones"
        console.say(f"{part:5}  {_shape(x.shape)} {x.dtype}, {np.min(x):g} to {np.max(x):g}{labels}")


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
