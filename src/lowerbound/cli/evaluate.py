"""``lowerbound evaluate MODEL DATA``: how good a saved model is on rows that it has not seen."""

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from lowerbound.cli import console
from lowerbound.cli.files import Split, read_model, read_rows


def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder of a saved model.", metavar="MODEL")],
    data: Annotated[str, typer.Argument(help="A file, or a name from `lowerbound data`.", metavar="DATA")],
    samples: Annotated[int, typer.Option("--samples", help="Draws per row where log p(x) is not exact.")] = 1000,
    split: Annotated[
        Split | None, typer.Option("--split", help="Part of a named data set.", show_default="test")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Print log p(x) with its errors, the ELBO, the reconstruction error and advice.

    Of the two errors of log p(x), the first is that of the sampling for these very rows, the second says how far other rows
    from the same source would move the mean.
    """
    from lowerbound.report.measure import cautions, measure

    estimator = read_model(model)
    rows = read_rows(data, split=split, default="test")
    with console.working("estimating"):
        measured = measure(estimator, rows, n_samples=samples)
    if as_json:
        print(json.dumps({"model": str(model), "data": data} | _plain(measured), indent=2))
        return
    console.show(_table(measured))
    for sentence in cautions(measured):
        console.say(sentence)


def _plain(measured: dict[str, Any]) -> dict[str, Any]:
    """For JSON, which has no NaN: None."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in measured.items()
    }


def _table(measured: dict[str, Any]) -> Table:
    from lowerbound.report.numbers import share

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("rows", f"{measured['n_rows']}", measured["class"])
    if "log_evidence" in measured:
        exact = measured["exact"]
        kind = "exact" if exact else f"{measured['n_samples']} draws per row"
        value = f"{measured['log_evidence']:.3f}" + ("" if exact else f" ± {measured['standard_error']:.3f}")
        table.add_row("log p(x)", value, f"nats per row, {kind}")
        table.add_row("", f"± {measured['sampling_error']:.3f}", "for other rows from the same source")
        table.add_row("", "", measured["base_measure"])
        table.add_row("ELBO", f"{measured['elbo']:.3f}", "nats per row")
        if not exact:
            table.add_row(
                "effective samples",
                f"{measured['effective_sample_size_median']:.1f}",
                f"median over rows; {measured['effective_sample_size_smallest']:.1f} at the worst",
            )
            table.add_row("k-hat above 0.7", share(measured["pareto_k_share_above_0.7"]), "of the rows")
        if "active_units" in measured:
            table.add_row("active latents", f"{measured['active_units']} of {measured['latent_dim']}")
        table.add_row("log p(x given z)", f"{measured['log_likelihood_at_code']:.3f}", "nats per row, z the code of x")
    error, unit = measured["root_mean_square_error"], measured["root_mean_square_error_unit"]
    table.add_row("reconstruction error", f"{error:.4g}", f"root mean square, in {unit}")
    return table
