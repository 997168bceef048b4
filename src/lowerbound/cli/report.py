"""``lowerbound report MODEL DATA --out report.html``: one page that says whether a model is good, and what it learned."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from lowerbound.cli import console
from lowerbound.cli.files import Encoding, Header, Split, check_new_file, read_labels, read_model, read_rows
from lowerbound.evaluate.outlier_methods import OutlierMethod

_PAGES = (".html", ".htm")


def report(
    model: Annotated[Path, typer.Argument(help="Folder of a saved model.", metavar="MODEL")],
    data: Annotated[
        str | None,
        typer.Argument(help="A file, or a name from `lowerbound data`.", metavar="DATA", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="An .html file.")] = Path("report.html"),
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels", help="One for each row: a file, or the name of a data set.", show_default="those of a named set"
        ),
    ] = None,
    labels_mark_outliers: Annotated[
        bool | None,
        typer.Option(
            "--labels-mark-outliers/--labels-are-classes",
            help="Whether label 1 marks an outlier.",
            show_default="only those of outliers/…",
        ),
    ] = None,
    method: Annotated[
        OutlierMethod | None,
        typer.Option("--method", help="Outlier score.", show_default="the model's own choice"),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Draws per row for log p(x).")] = 200,
    rows: Annotated[int, typer.Option("--rows", min=2, help="Most rows to look at, at an even stride.")] = 1000,
    image_shape: Annotated[
        str | None,
        typer.Option("--image-shape", help="Of rows that are pictures: 8,8 or 32,32,3.", show_default=False),
    ] = None,
    split: Annotated[
        Split | None, typer.Option("--split", help="Part of a named data set.", show_default="test")
    ] = None,
    header: Header = None,
    encoding: Encoding = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write one HTML page about MODEL on DATA: verdict, likelihood, training, pictures, outliers, advice.

    The page needs no other file and no network.
    """
    check_new_file(out, overwrite=overwrite, kinds=_PAGES)
    if data is None:
        raise ValueError("DATA must be given: a report needs rows. Name a file, or a set from `lowerbound data`.")
    estimator = read_model(model, unwrap=False)
    x = read_rows(data, split=split, default="test", header=header, encoding=encoding)
    to_images = None if image_shape is None else _reshaping(image_shape, x)
    named = _is_named(data)
    if labels_mark_outliers is None:
        source = data if labels is None else labels
        labels_mark_outliers = _is_named(source) and source.startswith("outliers/")
    y = read_labels(labels, data=data, split=split, default="test")
    from lowerbound.persist import read_folder
    from lowerbound.report import write_report

    with console.working("measuring") as shown:
        write_report(
            estimator,
            x,
            out,
            labels=y,
            labels_mark_outliers=labels_mark_outliers,
            images=to_images,
            method=method,
            n_samples=samples,
            n_rows=rows,
            data_name=f"{data} ({split or 'test'} rows)" if named else data,
            command=console.command_line(),
            saved_versions=read_folder(model)[0]["versions"],
            overwrite=overwrite,
            progress=lambda step: shown.update(f"{step} …"),
        )
    console.say(f"Wrote {out}: open it in a browser.")


def _is_named(text: str) -> bool:
    """Whether the text names a set in the catalogue, not a file."""
    return not Path(text).suffix and not Path(text).exists()


def _reshaping(text: str, rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Function from rows to images of the shape in "8,8"."""
    words = text.split(",")
    shape = tuple(int(word) for word in words if word.strip().isdecimal())
    cells = math.prod(np.shape(rows)[1:])
    if len(shape) != len(words) or len(shape) not in (2, 3) or math.prod(shape) != cells:
        raise ValueError(
            f"--image-shape must be HEIGHT,WIDTH or HEIGHT,WIDTH,CHANNELS of the {cells} cells of a row; got {text!r}."
        )
    return lambda values: values.reshape(len(values), *shape)
