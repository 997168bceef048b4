"""Progress of a fit on the terminal (Rich, on standard error), in 80 columns.

    12/100 ━━━━━━━━ held-out -103.6 recon -80.2 KL 21.5 45k rows/s 0:00:12

The bound is that of the validation rows ("held-out") where there are some, else that of the training rows ("bound"); an objective
without a bound shows its loss. Then the terms that the objective records of the training rows, such as reconstruction and KL in
nats per row; speed, and time left for all epochs.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

_TERMS = {"log_likelihood": "recon", "kl": "KL"}  # short names of the terms of the ELBO; others keep theirs
_WIDE = 200  # columns: more than the numbers of any fit


class Reporter:
    """Receives news of a fit; this one keeps silent."""

    def rows(self, n_rows: int | float) -> None:
        """About that many more rows went through."""

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch ended with these metrics."""


def _numbers(metrics: Mapping[str, float]) -> str:
    """The metrics in words: the bound, or the loss of an objective without one, then the terms that the objective names."""
    if "bound" not in metrics:
        numbers = [f"loss {metrics['loss']:.4g}"]
    elif "validation_bound" in metrics:
        numbers = [f"held-out {metrics['validation_bound']:.1f}"]
    else:
        numbers = [f"bound {metrics['bound']:.1f}"]
    known = [name for name in _TERMS if name in metrics]
    for name in (*known, *(name for name in metrics if name not in known)):
        value = metrics[name]
        if name not in ("loss", "bound") and not name.startswith("validation_") and value != metrics.get("loss"):
            numbers.append(f"{_TERMS[name]} {value:.1f}" if name in _TERMS else f"{name} {value:.4g}")
    return " ".join(numbers)


class _RichReporter(Reporter):
    def __init__(self, bar: Progress, *, max_epochs: int, n_rows: int) -> None:
        self._bar, self._max_epochs = bar, max_epochs
        self._task = bar.add_task("", total=max_epochs * n_rows, speed="", epochs=f"0/{max_epochs}", numbers="")
        self._start, self._seen = time.perf_counter(), 0.0

    def rows(self, n_rows: int | float) -> None:
        self._seen += n_rows
        speed = self._seen / (time.perf_counter() - self._start)
        self._bar.update(self._task, advance=n_rows, speed=f"{speed / 1000:.3g}k rows/s")

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._bar.update(self._task, epochs=f"{epoch}/{self._max_epochs}", numbers=_numbers(metrics))


@contextmanager
def reporter(*, verbose: bool, max_epochs: int, n_rows: int) -> Iterator[Reporter]:
    """A reporter for one fit: a progress bar if ``verbose``, else silence."""
    if not verbose:
        yield Reporter()
        return
    columns = (
        TextColumn("{task.fields[epochs]}"),
        BarColumn(bar_width=8),
        TextColumn("{task.fields[numbers]}"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    if not console.is_terminal:
        console.width = _WIDE  # nothing is cut in a pipe or a file
    with Progress(*columns, console=console) as bar:
        yield _RichReporter(bar, max_epochs=max_epochs, n_rows=n_rows)
