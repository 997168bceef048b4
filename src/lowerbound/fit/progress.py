"""Progress of a fit on the terminal: epoch, bound, reconstruction, KL, rows per second, time left (Rich, on standard error)."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

_SHOWN = {"validation_bound": "validation", "bound": "bound", "log_likelihood": "reconstruction", "kl": "KL"}


class Reporter:
    """Receives news of a fit; this one keeps silent."""

    def rows(self, n_rows: float) -> None:
        """About that many more rows went through."""

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch ended with these metrics."""


class _RichReporter(Reporter):
    def __init__(self, bar: Progress, *, max_epochs: int, n_rows: int) -> None:
        self._bar, self._max_epochs = bar, max_epochs
        self._task = bar.add_task("", total=max_epochs * n_rows, speed="", what=f"epoch 0/{max_epochs}", numbers="")
        self._start, self._seen = time.perf_counter(), 0.0

    def rows(self, n_rows: float) -> None:
        self._seen += n_rows
        speed = self._seen / (time.perf_counter() - self._start)
        self._bar.update(self._task, advance=n_rows, speed=f"{speed:,.0f} rows/s")

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        shown = {label: metrics[name] for name, label in _SHOWN.items() if name in metrics}
        shown = shown or {"loss": metrics["loss"]}
        numbers = "  ".join(f"{label} {value:.3f}" for label, value in shown.items())
        self._bar.update(self._task, what=f"epoch {epoch}/{self._max_epochs}", numbers=numbers)


@contextmanager
def reporter(*, verbose: bool, max_epochs: int, n_rows: int) -> Iterator[Reporter]:
    """A reporter for one fit: a progress bar if ``verbose``, else silence."""
    if not verbose:
        yield Reporter()
        return
    columns = (
        TextColumn("{task.fields[what]}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[numbers]}"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield _RichReporter(bar, max_epochs=max_epochs, n_rows=n_rows)
