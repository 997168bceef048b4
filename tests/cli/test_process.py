"""The command line as a process of its own, and as Typer's own runner sees it."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import lowerbound
from lowerbound.cli import app

COMMANDS = ("demo", "fit", "evaluate", "report", "encode", "reconstruct", "sample", "outliers", "data")


def process(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120, check=False
    )


def test_the_package_runs_as_a_module():
    ran = subprocess.run(
        [sys.executable, "-m", "lowerbound", "--version"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, f"lowerbound {lowerbound.__version__}\n")


def test_the_entry_point_reports_bad_input_in_one_line(tmp_path: Path):
    entry = Path(sys.executable).with_name("lowerbound")
    words = [entry, "fit", "vae", "absent.npy", "--out", "model"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr == "Error: file absent.npy must exist; got none. Check the spelling and folder.\n"
    assert list(tmp_path.iterdir()) == []


def test_the_commands_import_nothing_heavy():
    # A bare package in place of lowerbound/__init__.py, so that only what the command line itself imports counts.
    code = f"""
import sys, types
package = types.ModuleType("lowerbound")
package.__path__ = [{str(Path(lowerbound.__file__).parent)!r}]
sys.modules["lowerbound"] = package
import lowerbound.cli
print(sorted({{"jax", "sklearn", "pandas", "matplotlib"}} & set(sys.modules)))
"""
    ran = process(code)
    assert ran.stdout == "[]\n", ran.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str):
    ran = CliRunner().invoke(app, [command, "--help"])
    assert ran.exit_code == 0
    assert f"Usage: lowerbound {command}" in ran.output


def test_no_command_shows_the_commands(run):
    for words in ((), ("--help",)):
        ran = run(*words)
        assert ran.code == 0
        for command in COMMANDS:
            assert command in ran.out


def test_version(run):
    assert run("--version").out == f"lowerbound {lowerbound.__version__}\n"
