"""``lowerbound reconstruct MODEL DATA --out FILE``: what each row looks like after a trip through its code."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from lowerbound.cli import console
from lowerbound.cli.files import (
    Encoding,
    Header,
    Split,
    check_images,
    check_new_file,
    check_new_picture,
    check_no_table,
    read_model,
    read_rows,
)
from lowerbound.data.files import write_array

_N_SHOWN = 10


def reconstruct(
    model: Annotated[Path, typer.Argument(help="Folder of a saved model.", metavar="MODEL")],
    data: Annotated[str, typer.Argument(help="A file, or a name from `lowerbound data`.", metavar="DATA")],
    out: Annotated[Path, typer.Option("--out", help="A .npy or .npz file; of tables also .csv or .parquet.")],
    picture: Annotated[
        Path | None,
        typer.Option("--picture", help="Of images: a .png, .pdf or .svg of ten rows.", show_default=False),
    ] = None,
    split: Annotated[
        Split | None, typer.Option("--split", help="Part of a named data set.", show_default="test")
    ] = None,
    header: Header = None,
    encoding: Encoding = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files.")] = False,
) -> None:
    """Write the mean of p(x given z) at the code of each row, in the units of the data; probabilities for bits."""
    check_new_file(out, overwrite=overwrite)
    if picture is not None:
        check_new_picture(picture, overwrite=overwrite)
    from lowerbound.findings.fitted import feature_names

    estimator = read_model(model)
    shape = estimator.input_shape_
    check_no_table(out, shape)
    if picture is not None:
        check_images(shape)
    rows = read_rows(data, split=split, default="test", header=header, encoding=encoding)
    with console.working("reconstructing"):
        reconstruction = estimator.reconstruct(rows)
    write_array(out, reconstruction, names=feature_names(estimator))
    if picture is not None:
        _draw(estimator, rows, reconstruction, picture)
    console.say(f"Wrote {len(reconstruction)} rows to {out}" + ("" if picture is None else f", a picture to {picture}"))


def _draw(estimator: Any, rows: Any, reconstruction: np.ndarray, picture: Path) -> None:
    """Ten rows at an even stride above their reconstructions."""
    from lowerbound.data.frames import take
    from lowerbound.findings.cells import targets
    from lowerbound.plots import sample_figure, write_figure
    from lowerbound.report.request import even_stride

    chosen = even_stride(len(reconstruction), _N_SHOWN)
    real = targets(estimator, take(rows, chosen))
    shown = np.concatenate([real, reconstruction[chosen]])
    limits = (float(real.min()), float(real.max()))
    write_figure(picture, sample_figure(shown, n_columns=len(chosen), value_range=limits))
