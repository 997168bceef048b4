"""``lowerbound impute MODEL DATA --out FILE``: the table with its empty cells filled in."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from lowerbound.cli import console
from lowerbound.cli.files import (
    Encoding,
    Header,
    Split,
    check_new_file,
    check_no_table,
    is_table,
    read_model,
    read_rows,
    write_columns,
)
from lowerbound.data.files import write_array


def impute(
    model: Annotated[Path, typer.Argument(help="Folder of a saved model that takes missing cells.", metavar="MODEL")],
    data: Annotated[str, typer.Argument(help="A file, or a name from `lowerbound data`.", metavar="DATA")],
    out: Annotated[Path, typer.Option("--out", help="A .npy or .npz file; of tables also .csv or .parquet.")],
    draws: Annotated[
        int | None,
        typer.Option("--draws", help="So many joint draws instead of means, in .npy or .npz.", show_default=False),
    ] = None,
    random_state: Annotated[
        int | None, typer.Option("--random-state", help="Seed of the draws.", show_default="that of the fit")
    ] = None,
    intervals: Annotated[
        Path | None,
        typer.Option("--intervals", help="Another file, for the interval of each cell.", show_default=False),
    ] = None,
    coverage: Annotated[
        float | None, typer.Option("--coverage", help="Probability of an interval.", show_default="0.95")
    ] = None,
    split: Annotated[
        Split | None, typer.Option("--split", help="Part of a named data set.", show_default="test")
    ] = None,
    header: Header = None,
    encoding: Encoding = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files.")] = False,
) -> None:
    """Write DATA with each empty cell (NaN) at its mean given the other cells of its row.

    With --draws N the file holds N completed copies of each row, in an array (rows, N, columns). A table written by --intervals
    has a line for each empty cell: row (from 0), column, mean, scale (standard deviation), lower and upper end; .npy and .npz
    hold lower and upper ends of all cells, in an array (rows, 2, columns), where a cell that was known is its own interval.
    """
    check_new_file(out, overwrite=overwrite)
    if intervals is not None:
        check_new_file(intervals, overwrite=overwrite, option="--intervals")
        if intervals.resolve() == out.resolve():
            raise ValueError(f"--intervals must be another file than --out; got {intervals} for both. Rename one.")
    _check_options(out, draws=draws, random_state=random_state, intervals=intervals, coverage=coverage)
    from lowerbound.findings.fitted import feature_names

    estimator = read_model(model)
    for file, option in ((out, "--out"), (intervals, "--intervals")):
        if file is not None:
            check_no_table(file, estimator.input_shape_, option=option)
    rows = read_rows(data, split=split, default="test", header=header, encoding=encoding)
    with console.working("imputing"):
        filled = np.asarray(estimator.impute(rows, n_draws=draws, random_state=random_state))
    values = np.asarray(rows, np.float64)
    missing = np.isnan(values)
    if intervals is not None:
        _write_intervals(intervals, estimator, rows, missing, coverage=0.95 if coverage is None else coverage)
    write_array(out, filled, names=None if draws is not None else feature_names(estimator))
    touched = int(missing.reshape(len(missing), -1).any(axis=1).sum())
    what = "" if draws is None else f", {draws} {'draw' if draws == 1 else 'draws'} each"
    console.say(
        f"Filled {missing.sum()} missing cells in {touched} of {len(missing)} rows{what}; wrote {out}"
        + ("" if intervals is None else f", their intervals to {intervals}")
    )


def _check_options(
    out: Path, *, draws: int | None, random_state: int | None, intervals: Path | None, coverage: float | None
) -> None:
    """Raise for options that contradict each other."""
    if draws is not None and is_table(out):
        raise ValueError(f"--out must be a .npy or .npz file for --draws; got {out}. Tables hold one value per cell.")
    if random_state is not None and draws is None:
        raise ValueError(
            f"--random-state must go with --draws; got {random_state}. Means are not random: leave it out."
        )
    if coverage is not None and intervals is None:
        raise ValueError(f"--coverage must go with --intervals; got {coverage}. Name a file for them.")


def _write_intervals(file: Path, estimator: Any, rows: Any, missing: np.ndarray, *, coverage: float) -> None:
    """File of the intervals: of missing cells, line by line, in a table; of all cells in an array."""
    from lowerbound.findings.fitted import column_names

    found = estimator.imputation(rows, coverage=coverage)
    if not is_table(file):
        write_array(file, np.stack([found.lower, found.upper], axis=1))
        return
    row, column = np.nonzero(missing)
    names = np.array(column_names(estimator), object)
    numbers = {name: np.asarray(getattr(found, name))[missing] for name in ("mean", "scale", "lower", "upper")}
    write_columns(file, {"row": row, "column": names[column]} | numbers)
