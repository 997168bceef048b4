"""``lowerbound outliers MODEL DATA``: the rows that fit a saved model worst."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from rich.table import Table

from lowerbound.cli import console
from lowerbound.cli.files import Split, check_new_file, read_model, read_rows
from lowerbound.data.files import write_array


def outliers(
    model: Annotated[Path, typer.Argument(help="Folder of a saved model.", metavar="MODEL")],
    data: Annotated[str, typer.Argument(help="A file, or a name from `lowerbound data`.", metavar="DATA")],
    method: Annotated[
        Literal["kl", "log_evidence", "elbo", "reconstruction"] | None,
        typer.Option("--method", help="What is scored.", show_default="kl; reconstruction without a density"),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Rows in the table.")] = 10,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File for the score of every row, in their order.", show_default=False),
    ] = None,
    split: Annotated[
        Split | None, typer.Option("--split", help="Part of a named data set.", show_default="test")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """List the most outlying rows of DATA; rows count from 0, larger scores (nats) are more outlying."""
    if out is not None:
        check_new_file(out, overwrite=overwrite)
    rows = read_rows(data, split=split, default="test")
    if method is None:  # a detector's own choice, or the model's default
        scores = read_model(model, unwrap=False).outlier_scores(rows)
    else:
        scores = read_model(model).outlier_scores(rows, method=method)
    if out is not None:
        write_array(out, scores, names=["score"])
    table = Table("row", "score", box=None, padding=(0, 2, 0, 0))
    for column in table.columns:
        column.justify = "right"
    for row in most_outlying(scores, top):
        table.add_row(str(row), f"{scores[row]:.3f}")
    console.results.print(table)
    console.say(f"Median of all {len(scores)} rows: {np.median(scores):.3f}")
    if out is not None:
        console.say(f"Wrote all scores to {out}")


def most_outlying(scores: np.ndarray, top: int) -> list[int]:
    """Numbers of the rows with the largest scores, the largest first; equal ones in their order."""
    return [int(row) for row in np.argsort(-scores, kind="stable")[:top]]
