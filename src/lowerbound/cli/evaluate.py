"""``lowerbound evaluate MODEL DATA``: how good a saved model is on rows that it has not seen."""

import json
import math
import warnings
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from lowerbound.cli import console
from lowerbound.cli.files import Split, read_model, read_rows

_UNTRUSTED = 0.7


def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder of a saved model.", metavar="MODEL")],
    data: Annotated[str, typer.Argument(help="A file, or a name from `lowerbound data`.", metavar="DATA")],
    samples: Annotated[int, typer.Option("--samples", help="Draws per row for log p(x).")] = 1000,
    split: Annotated[
        Split | None, typer.Option("--split", help="Part of a named data set.", show_default="test")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Print log p(x) with its errors, the ELBO, the reconstruction error and advice.

    Of the two errors of log p(x), the first is that of the sampling for these very rows, the second says how far other rows
    from the same source would move the mean.
    """
    estimator = read_model(model)
    rows = read_rows(data, split=split, default="test")
    with console.messages.status("estimating …"):
        measured = measure(estimator, rows, n_samples=samples)
    if as_json:
        print(json.dumps({"model": str(model), "data": data} | _plain(measured), indent=2))
        return
    console.results.print(_table(measured))
    for sentence in cautions(measured):
        console.say(sentence)


def measure(estimator: Any, rows: Any, *, n_samples: int) -> dict[str, Any]:
    """Everything that ``evaluate`` reports, as plain numbers; densities only where the model has them."""
    from lowerbound import EvidenceWarning

    found: dict[str, Any] = {
        "class": type(estimator).__name__,
        "n_rows": len(rows),
        "log_likelihood_at_code": -float(np.mean(estimator.outlier_scores(rows, method="reconstruction"))),
        "root_mean_square_error": root_mean_square_error(estimator, rows),
    }
    if not hasattr(estimator, "log_evidence"):
        return found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)  # the share of untrusted rows says the same
        evidence = estimator.log_evidence(rows, n_samples=n_samples)
    health = estimator.health(rows)
    known = evidence.pareto_k[np.isfinite(evidence.pareto_k)]
    return found | {
        "log_evidence": evidence.value,
        "standard_error": evidence.standard_error,
        "sampling_error": evidence.sampling_error,
        "n_samples": evidence.n_samples,
        "exact": evidence.exact,
        "base_measure": evidence.base_measure,
        "effective_sample_size_median": float(np.median(evidence.effective_sample_size)),
        "effective_sample_size_smallest": float(np.min(evidence.effective_sample_size)),
        "pareto_k_share_above_0.7": float(np.mean(known > _UNTRUSTED)) if len(known) else math.nan,
        "elbo": float(np.mean(estimator.elbo(rows))),
        "active_units": health.active_units,
        "latent_dim": estimator.latent_dim,
        "kl_per_dimension": health.kl_per_dimension.tolist(),
        "cells_at_floor": health.cells_at_floor,
        "advice": list(health.advice),
    }


def cautions(measured: dict[str, Any]) -> list[str]:
    """Sentences: whether log p(x) can be trusted, then the advice of the health check."""
    if "log_evidence" not in measured:
        return [f"{measured['class']} has no density: log p(x), ELBO and samples need a VAE."]
    sentences = [f"Latent space: {advice}" for advice in measured["advice"]]
    share = measured["pareto_k_share_above_0.7"]
    if share > 0.1:
        sentences.insert(
            0,
            f"Caution: Pareto k-hat is above {_UNTRUSTED} for {share:.0%} of the rows: read log p(x) as a lower bound, "
            "and its error is larger than stated. More draws raise it.",
        )
    elif math.isnan(share):
        sentences.insert(0, "Caution: too few --samples to say whether log p(x) can be trusted; take 100 or more.")
    return sentences


def root_mean_square_error(estimator: Any, rows: Any) -> float:
    """Root of the mean of (x - reconstruction)^2 over all cells, in the units in which the model reconstructs."""
    if getattr(estimator, "likelihood", "") == "categorical":
        return math.nan  # codes are names: their differences mean nothing
    target = np.asarray(rows, np.float64)
    preprocessing = estimator.preprocessing_
    if preprocessing.treatment in ("dynamic", "threshold", "grey"):
        target = target / preprocessing.white
    if preprocessing.treatment == "threshold":
        target = (target > 0.5).astype(np.float64)
    return float(np.sqrt(np.mean(np.square(target - estimator.reconstruct(rows)))))


def _plain(measured: dict[str, Any]) -> dict[str, Any]:
    """For JSON, which has no NaN: None."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in measured.items()
    }


def _table(measured: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("rows", f"{measured['n_rows']}", measured["class"])
    if "log_evidence" in measured:
        kind = "exact" if measured["exact"] else f"{measured['n_samples']} draws per row"
        value = f"{measured['log_evidence']:.3f} ± {measured['standard_error']:.3f}"
        table.add_row("log p(x)", value, f"nats per row, {kind}")
        table.add_row("", f"± {measured['sampling_error']:.3f}", "for other rows from the same source")
        table.add_row("", "", measured["base_measure"])
        table.add_row("ELBO", f"{measured['elbo']:.3f}", "nats per row")
        table.add_row(
            "effective samples",
            f"{measured['effective_sample_size_median']:.1f}",
            f"median over rows; {measured['effective_sample_size_smallest']:.1f} at the worst",
        )
        table.add_row("k-hat above 0.7", f"{measured['pareto_k_share_above_0.7']:.1%}", "of the rows")
        table.add_row("active latents", f"{measured['active_units']} of {measured['latent_dim']}")
        table.add_row("log p(x given z)", f"{measured['log_likelihood_at_code']:.3f}", "nats per row, z the code of x")
    table.add_row("reconstruction error", f"{measured['root_mean_square_error']:.4g}", "root mean square over cells")
    return table
