"""The progress bar fits a terminal of 80 columns with everything it promises to show."""

import io
import re

import pytest
from rich.console import Console

from lowerbound.fit import progress


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    text = io.StringIO()
    console = Console(file=text, width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(progress, "Console", lambda stderr: console)
    return text


def last_line(text: io.StringIO) -> str:
    """The bar's last state, without the codes that move the cursor."""
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", text.getvalue()).replace("\r", "\n").strip().splitlines()[-1]


def test_all_the_numbers_of_a_long_fit_stand_in_eighty_columns(terminal: io.StringIO) -> None:
    metrics = {"loss": 0.0, "bound": -1.0, "validation_bound": -1103.63, "log_likelihood": -1080.24, "kl": 121.5}
    with progress.reporter(verbose=True, max_epochs=1000, n_rows=60_000) as report:
        report.rows(600_000)
        report.epoch(10, metrics)
    line = last_line(terminal)
    for part in ("10/1000", "held-out -1103.6", "recon -1080.2", "KL 121.5", "rows/s", ":"):
        assert part in line
    assert "…" not in line


def test_without_validation_rows_the_training_bound_is_shown(terminal: io.StringIO) -> None:
    with progress.reporter(verbose=True, max_epochs=2, n_rows=10) as report:
        report.rows(10)
        report.epoch(1, {"bound": -3.0, "kl": 1.0, "log_likelihood": -2.0, "loss": 3.0})
    assert "bound -3.0 recon -2.0 KL 1.0" in last_line(terminal)


def test_an_objective_without_a_bound_shows_its_loss(terminal: io.StringIO) -> None:
    with progress.reporter(verbose=True, max_epochs=2, n_rows=10) as report:
        report.epoch(1, {"loss": 3.25, "squared_error": 3.25})
    assert "loss 3.25" in last_line(terminal)


def test_an_objective_with_names_of_its_own_shows_what_it_records(terminal: io.StringIO) -> None:
    with progress.reporter(verbose=True, max_epochs=2, n_rows=10) as report:
        report.epoch(
            1, {"loss": 3.0, "bound": -3.0, "energy": 0.12345, "validation_loss": 4.0, "validation_energy": 7.0}
        )
    assert "bound -3.0 energy 0.1235" in last_line(terminal).replace("  ", " ")
    assert "7.0" not in last_line(terminal)


def test_silence_unless_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.reporter(verbose=False, max_epochs=2, n_rows=10) as report:
        report.rows(10)
        report.epoch(1, {"loss": 3.25})
    assert capsys.readouterr() == ("", "")
