"""A pipe is no terminal: what is printed into one is neither cut nor wrapped, however narrow the terminal beside it is.

Ground truth: the same output beside a terminal that is wide enough.
"""

import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from lowerbound.cli import console
from lowerbound.data.catalog import describe

LONG = "a cell of a table that is longer than a narrow terminal has columns"


@pytest.mark.parametrize(
    "words",
    [
        ("data",),
        ("data", "digits"),
        ("evaluate", "VAE", "DATA"),
        ("outliers", "VAE", "DATA"),
        ("compare", "VAE", "DATA"),
    ],
    ids=lambda words: " ".join(words),
)
def test_no_result_depends_on_the_terminal(run, vae: Path, data: Path, tmp_path: Path, monkeypatch, words: tuple):
    monkeypatch.setenv("LOWERBOUND_DATA", str(tmp_path))  # where nothing is: the longest cells of `data`
    outputs = set()
    for columns in (20, 80, 1000):
        monkeypatch.setenv("COLUMNS", str(columns))
        outputs.add(run(*({"VAE": vae, "DATA": data}.get(word, word) for word in words)).out)
    assert len(outputs) == 1
    assert "…" not in outputs.pop()


def test_the_names_of_data_sets_are_whole(run, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("LOWERBOUND_DATA", str(tmp_path))
    listed = [line.split()[0] for line in run("data").out.splitlines()[1:]]
    assert listed == [row.name for row in describe()]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("file", "wrapped"), [(io.StringIO, False), (Terminal, True)])
def test_a_table_is_wrapped_on_terminals_only(monkeypatch, file: type[io.StringIO], wrapped: bool):
    monkeypatch.setattr(console, "results", Console(width=20, highlight=False))
    shown = file()
    monkeypatch.setattr("sys.stdout", shown)
    table = Table(show_header=False, box=None)
    table.add_row(LONG)
    console.show(table)
    assert (len(shown.getvalue().splitlines()) > 1) is wrapped
    assert " ".join(shown.getvalue().split()) == LONG
