"""``lowerbound outliers MODEL DATA``: the rows that fit a saved model worst."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from lowerbound.cli import console
from lowerbound.cli.files import (
    Encoding,
    Header,
    Split,
    check_images,
    check_new_file,
    check_new_picture,
    is_table,
    read_model,
    read_rows,
    write_columns,
)
from lowerbound.data.files import write_array
from lowerbound.evaluate.outlier_methods import OutlierMethod

_N_SHOWN = 8  # at each end


def outliers(
    model: Annotated[Path, typer.Argument(help="Folder of a saved model.", metavar="MODEL")],
    data: Annotated[str, typer.Argument(help="A file, or a name from `lowerbound data`.", metavar="DATA")],
    method: Annotated[
        OutlierMethod | None,
        typer.Option(
            "--method",
            help="What is scored.",
            show_default="kl; log_evidence where exact; reconstruction without a density",
        ),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Rows in the table.")] = 10,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="File for the score of every row, in their order: with row numbers in .csv and .parquet.",
            show_default=False,
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", help="Of images: a .png, .pdf or .svg of both ends.", show_default=False),
    ] = None,
    split: Annotated[
        Split | None, typer.Option("--split", help="Part of a named data set.", show_default="test")
    ] = None,
    header: Header = None,
    encoding: Encoding = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """List the most outlying rows of DATA; rows count from 0, larger scores (nats) are more outlying.

    A table written by --out has the columns row and METHOD; .npy and .npz hold one score per row, in the order of the rows.
    """
    if out is not None:
        check_new_file(out, overwrite=overwrite)
    if picture is not None:
        check_new_picture(picture, overwrite=overwrite)
    from lowerbound.estimators.outlier_detector import unwrapped
    from lowerbound.findings.fitted import outlier_method

    rows = read_rows(data, split=split, default="test", header=header, encoding=encoding)
    saved = read_model(model, unwrap=False)
    estimator = unwrapped(saved)
    if picture is not None:
        check_images(estimator.input_shape_)
    own = None if saved is estimator else saved.method  # a detector's; of other estimators it is how they are fitted
    name = outlier_method(estimator, method or own)
    with console.working("scoring"):
        by_detector = saved is not estimator and name == outlier_method(estimator, own)
        scores = saved.outlier_scores(rows) if by_detector else estimator.outlier_scores(rows, method=name)
    if out is not None:
        _write(out, scores, method=name)
    if picture is not None:
        _draw(estimator, rows, scores, picture, method=name)
    table = Table("row", "score", box=None, padding=(0, 2, 0, 0))
    for column in table.columns:
        column.justify = "right"
    for row in most_outlying(scores, top):
        table.add_row(str(row), f"{scores[row]:.3f}")
    console.show(table)
    console.say(f"Median of all {len(scores)} rows: {np.median(scores):.3f}")
    if out is not None:
        console.say(f"Wrote all scores to {out}")
    if picture is not None:
        console.say(f"Wrote a picture to {picture}")


def most_outlying(scores: np.ndarray, top: int) -> list[int]:
    """Numbers of the rows with the largest scores, the largest first; equal ones in their order."""
    return [int(row) for row in np.argsort(-scores, kind="stable")[:top]]


def _write(out: Path, scores: np.ndarray, *, method: str) -> None:
    if is_table(out):
        write_columns(out, {"row": np.arange(len(scores)), method: scores})
    else:
        write_array(out, scores)


def _draw(estimator: Any, rows: Any, scores: np.ndarray, picture: Path, *, method: Any) -> None:
    """The images with the largest and with the smallest scores."""
    from lowerbound.data.frames import take
    from lowerbound.findings.cells import targets
    from lowerbound.plots import outlier_figure, write_figure
    from lowerbound.plots.outliers import ends

    shown = ends(scores, n=_N_SHOWN)
    images = targets(estimator, take(rows, shown))
    write_figure(picture, outlier_figure(images, scores[shown], n=_N_SHOWN, method=method, rows=shown))
