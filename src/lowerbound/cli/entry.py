"""The entry point: commands by name, and one line instead of a traceback for bad input."""

import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from lowerbound.cli import console
from lowerbound.cli.compare import compare
from lowerbound.cli.data import data
from lowerbound.cli.demo import demo
from lowerbound.cli.encode import encode
from lowerbound.cli.evaluate import evaluate
from lowerbound.cli.fit import fit
from lowerbound.cli.impute import impute
from lowerbound.cli.outliers import outliers
from lowerbound.cli.reconstruct import reconstruct
from lowerbound.cli.report import report
from lowerbound.cli.sample import sample

app = typer.Typer(
    name="lowerbound",
    epilog="DATA is a file (rows.csv, rows.npy, archive.npz:name, …) or a name from `lowerbound data`.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for command in (demo, fit, evaluate, compare, report, encode, reconstruct, sample, outliers, impute, data):
    app.command()(command)


def _print_version(wanted: bool) -> bool:
    if wanted:
        from lowerbound import __version__

        console.say(f"lowerbound {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Latent variable models, fitted by maximizing a lower bound on the evidence."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit the process.

    Parameters
    ----------
    arguments
        Words after the program's name; None takes those of the process.
    """
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    """The exit code of one run; internal errors pass through, with their traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    console.remember(words)
    try:
        with warnings.catch_warnings():
            console.shorten_warnings()
            return app(words, prog_name="lowerbound", standalone_mode=False) or 0
    except TyperException as error:
        path = getattr(getattr(error, "ctx", None), "command_path", "lowerbound")
        reason = error.format_message().replace("Value error, ", "").rstrip(".")  # a heading of pydantic's
        console.error(f"{reason}. See `{path} --help`.")
    except AttributeError as error:
        from lowerbound.interface.capabilities import AbsentVerbError  # loaded already, if it was raised

        if not isinstance(error, AbsentVerbError):
            raise
        console.error(str(error))
    except OSError as error:
        console.error(f"{error.filename}: {error.strerror}." if error.strerror and error.filename else str(error))
    except ValueError as error:
        console.error(str(error))
    return 2
