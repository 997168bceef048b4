"""``lowerbound evaluate MODEL DATA``: how good a saved model is on rows that it has not seen."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lowerbound.cli import console
from lowerbound.cli.files import Encoding, Header, Split, read_model, read_rows

if TYPE_CHECKING:
    from lowerbound.findings.density import Density
    from lowerbound.findings.record import Findings


def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder of a saved model.", metavar="MODEL")],
    data: Annotated[str, typer.Argument(help="A file, or a name from `lowerbound data`.", metavar="DATA")],
    samples: Annotated[int, typer.Option("--samples", help="Draws per row where log p(x) is not exact.")] = 1000,
    split: Annotated[
        Split | None, typer.Option("--split", help="Part of a named data set.", show_default="test")
    ] = None,
    header: Header = None,
    encoding: Encoding = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Print log p(x) with its errors, the ELBO, the reconstruction error, and what to make of them.

    Of the two errors of log p(x), the first is that of the sampling for these very rows, the second says how far other rows
    from the same source would move the mean.
    """
    from lowerbound.findings.plain import plain_findings
    from lowerbound.findings.record import find

    estimator = read_model(model)
    rows = read_rows(data, split=split, default="test", header=header, encoding=encoding)
    with console.working("estimating"):
        found = find(estimator, rows, n_samples=samples)
    if as_json:
        print(json.dumps({"model": str(model), "data": data} | plain_findings(found), indent=2))
        return
    console.show(_table(found))
    say_sentences(found)


def say_sentences(found: "Findings") -> None:
    """A line for each sentence that a reader must not miss."""
    from lowerbound.findings.sentences import sentences

    for sentence in sentences(found):
        console.say(f"{sentence.level.capitalize()}: {sentence.text}")


def _table(found: "Findings") -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("rows", f"{found.n_rows}", found.estimator)
    if found.density is not None:
        _add_density(table, found.density)
    if found.health is not None:
        table.add_row("active latents", f"{found.health.active_units} of {found.latent_dim}")
    if found.baseline is not None:
        table.add_row(f"{found.cell}s one by one", f"{found.baseline.value:.3f}", "nats per row, fitted to these rows")
    record = found.reconstruction
    if found.density is not None and not math.isnan(record.log_likelihood_at_code):
        table.add_row("log p(x given z)", f"{record.log_likelihood_at_code:.3f}", "nats per row, z the code of x")
    if math.isnan(record.root_mean_square_error):
        table.add_row("reconstruction error", "none", record.root_mean_square_error_unit)
    else:
        unit = f"root mean square, in {record.root_mean_square_error_unit}"
        table.add_row("reconstruction error", f"{record.root_mean_square_error:.4g}", unit)
    return table


def _add_density(table: Table, density: "Density") -> None:
    from lowerbound.evaluate.trust import LARGEST_TRUSTED_K
    from lowerbound.evaluate.words import share

    kind = "exact" if density.exact else f"{density.n_samples} draws per row"
    value = f"{density.log_evidence:.3f}" + ("" if density.exact else f" ± {density.standard_error:.3f}")
    table.add_row("log p(x)", value, f"nats per row, {kind}")
    table.add_row("", f"± {density.sampling_error:.3f}", "for other rows from the same source")
    table.add_row("", "", density.base_measure)
    table.add_row("ELBO", f"{density.elbo:.3f}", "nats per row")
    if not density.exact:
        worst = f"median over rows; {density.effective_sample_size_smallest:.1f} at the worst"
        table.add_row("effective samples", f"{density.effective_sample_size_median:.1f}", worst)
        table.add_row(f"k-hat above {LARGEST_TRUSTED_K}", share(density.share_of_untrusted_rows), "of the rows")
