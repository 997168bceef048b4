"""The entry point: commands by name, and one line instead of a traceback for bad input."""

import re
import sys
import warnings
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from lowerbound.cli import console
from lowerbound.cli.compare import compare
from lowerbound.cli.data import data
from lowerbound.cli.demo import demo
from lowerbound.cli.encode import encode
from lowerbound.cli.evaluate import evaluate
from lowerbound.cli.fit import app as fit
from lowerbound.cli.impute import impute
from lowerbound.cli.modules import import_named
from lowerbound.cli.outliers import outliers
from lowerbound.cli.reconstruct import reconstruct
from lowerbound.cli.report import report
from lowerbound.cli.sample import sample
from lowerbound.interface.suggestions import meant_hyperparameters

_FIRST = ("demo", "fit")


class _Commands(TyperGroup):
    """The commands in the order in which one needs them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*_FIRST, *(name for name in super().list_commands(ctx) if name not in _FIRST)]


app = typer.Typer(
    name="lowerbound",
    cls=_Commands,
    epilog="DATA is a file (rows.csv, rows.npy, archive.npz:name, …) or a name from `lowerbound data`.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(fit, name="fit")
for command in (demo, evaluate, compare, report, encode, reconstruct, sample, outliers, impute, data):
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
    module: Annotated[
        list[str] | None,
        typer.Option(
            "--module",
            help="Your own estimators: a .py file, or a module, that calls lowerbound.register.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Latent variable models, fitted by maximizing a lower bound on the evidence."""
    console.remember_modules(module or ())
    for name in module or ():
        import_named(name)


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
        console.error(f"{_reason(error)} See `{path} --help`.")
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


_WORDS = (
    (r"Invalid value for '(.+?)': (?:Value error, )?Input should be (.*?)(?:, unable to parse .*)?", r"\1 must be \2"),
    (r"Invalid value for '(.+?)': (?:Value error, )?('.*') is not one of (.*)", r"\1 must be one of \3; got \2"),
    (r"Missing (?:option|argument) '(.+?)'", r"\1 must be given"),
)
"""What Typer and pydantic say -> the form of this library's errors."""


def _reason(error: TyperException) -> str:
    """What is wrong with the words of a command, as a sentence, with the options that may have been meant."""
    text, _, possible = error.format_message().rstrip(".").partition(" (Possible options: ")
    for pattern, words in _WORDS:
        if found := re.fullmatch(pattern, text):
            text = found.expand(words)
    names = {name.lstrip("-"): name for name in possible.rstrip(")").split(", ")}
    # Typer compares the dashes too: beta and quiet have two each.
    close = [names[name] for name in get_close_matches(text.rpartition("--")[2], names)] or _meant_options(error)
    sentence = text if text.endswith("?") else f"{text}."
    return sentence + (f" Did you mean {' or '.join(close)}?" if close else "")


def _meant_options(error: TyperException) -> list[str]:
    """Options of the command that an unknown one may stand for: what other libraries call a hyperparameter."""
    unknown, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    if unknown is None or context is None:
        return []
    options = {parameter.name: max(parameter.opts, key=len) for parameter in context.command.params if parameter.name}
    return [options[name] for name in meant_hyperparameters(unknown.lstrip("-").replace("-", "_"), list(options))]
