"""``lowerbound fit MODEL DATA --out FOLDER``: fit an estimator and save it. Every registered estimator is a command.

The commands are made when they are asked for: the list of them needs no JAX, and a command reads its options from the estimator.
"""

import inspect
import shlex
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from lowerbound.cli import console
from lowerbound.cli.files import Split, check_new_model, encoding_option, header_option, read_rows
from lowerbound.cli.fit_help import OptionList
from lowerbound.cli.hyperparameters import PROGRESS, SEED, Hyperparameter, hyperparameters_of
from lowerbound.estimators.registry import Registration, registrations

EXIT_CODES = {
    "closed_form": 0,
    "converged": 0,
    "max_iter": 0,
    "max_epochs": 0,
    "early_stopping": 0,
    "interrupted": 130,
    "non_finite": 1,
}

_ABOUT = """Fit MODEL to DATA and save it.

`lowerbound fit MODEL --help` shows the options of a model.
Ctrl-C ends a fit early: the best model so far is saved, and the exit code is 130.
"""
_FILES = "Files and output"


class _Models(TyperGroup):
    """A command for each registered estimator that has a name for the command line."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [line.command for line in registrations() if line.command]

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        return next((_Unopened(line) for line in registrations() if line.command == cmd_name), None)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["--help"])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            close = get_close_matches(args[0], known, n=1)
            remedy = f"Did you mean {close[0]}?" if close else "Register others: lowerbound --module FILE.py fit ..."
            raise ValueError(f"MODEL of fit must be {', '.join(known[:-1])} or {known[-1]}; got {args[0]!r}. {remedy}")
        return super().resolve_command(ctx, args)


class _Unopened(TyperCommand):
    """A command known by name and summary, whose options are read when it runs or shows its help."""

    def __init__(self, line: Registration) -> None:
        super().__init__(line.command, help=escape(line.summary))
        self._line = line

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return _command(self._line).make_context(info_name, args, parent, **extra)


app = typer.Typer(cls=_Models, help=_ABOUT, subcommand_metavar="MODEL DATA --out FOLDER", rich_markup_mode="rich")


def _command(line: Registration) -> Any:
    """The command that fits one estimator, with its options."""
    own = hyperparameters_of(line.load_class())
    of_every_model = inspect.signature(_files).parameters
    if taken := [one.name for one in own if one.name in of_every_model]:
        raise ValueError(
            f"hyperparameters of {line.name} must have other names than the options of fit; got {taken[0]!r}. Rename it, or fit "
            "from Python."
        )

    def run(**given: Any) -> None:
        files = {name: given.pop(name) for name in of_every_model}
        _fit(line, _chosen(own, given), **files)

    parameters = [*of_every_model.values(), *map(_option, own)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # where Typer looks (PEP 362)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    made = typer.Typer(add_completion=False)
    made.command(line.command, cls=OptionList, help=f"{line.summary}\n\nFit it to DATA and save it.")(run)
    return typer.main.get_command(made)


def _files(
    data: Annotated[
        str, typer.Argument(help="A file, or a name from `lowerbound data`.", metavar="DATA", rich_help_panel=_FILES)
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="Folder to save the model in; it must be new.", metavar="FOLDER", rich_help_panel=_FILES
        ),
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a saved model.", rich_help_panel=_FILES)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.", rich_help_panel=_FILES)] = False,
    split: Annotated[
        Split | None,
        typer.Option(
            "--split",
            help="Part of a named data set.",
            metavar="train|test",
            show_default="train",
            rich_help_panel=_FILES,
        ),
    ] = None,
    header: Annotated[bool | None, header_option(_FILES)] = None,
    encoding: Annotated[str | None, encoding_option(_FILES)] = None,
) -> None:
    """The options that every model has."""


def _option(one: Hyperparameter) -> inspect.Parameter:
    """A hyperparameter as a parameter for Typer: a word, read by :func:`_chosen`, or a switch."""
    names = [f"{one.option}/--no-{one.option[2:]}"] if one.values.flag else [one.option]
    about = typer.Option(
        *names,
        help=one.text,
        metavar=one.values.placeholder or None,
        show_default=one.default_text or False,
        rich_help_panel=one.panel,
    )
    return inspect.Parameter(
        one.name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=Annotated[bool if one.values.flag else str, about],
        default=inspect.Parameter.empty if one.required else None,
    )


def _chosen(own: list[Hyperparameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters that were given, as values; the others keep the estimator's defaults."""
    return {
        one.name: word if one.values.flag else one.values.read(word, option=one.option)
        for one in own
        if (word := given[one.name]) is not None
    }


def _fit(
    line: Registration,
    chosen: dict[str, Any],
    *,
    data: str,
    out: Path,
    split: Split | None,
    overwrite: bool,
    quiet: bool,
    header: bool | None,
    encoding: str | None,
) -> None:
    check_new_model(out, overwrite=overwrite)
    estimator_class = line.load_class()
    named = inspect.signature(estimator_class).parameters
    conventions = {name: value for name, value in ((SEED, 0), (PROGRESS, not quiet)) if name in named}
    estimator = estimator_class(**(conventions | chosen))
    estimator.fit(read_rows(data, split=split, default="train", header=header, encoding=encoding))
    if PROGRESS in named:
        estimator.set_params(**{PROGRESS: False})  # no business of those who load the model
    estimator.save(out)
    report_fit(estimator)
    held_out = "HELD_OUT_ROWS" if Path(data.partition(":")[0]).suffix else data  # a file holds the training rows
    console.say(f"Saved {out}. Next: {console.program()} evaluate {shlex.quote(str(out))} {held_out}")
    raise typer.Exit(EXIT_CODES[estimator.status_.code])


def report_fit(estimator: Any) -> None:
    """How the fit ended: its status (a warning where it is not ok), epochs or iterations, and bound."""
    from lowerbound.findings.fitted import was_validated

    status = estimator.status_
    if status.ok:
        console.say(f"Status: {status.message.splitlines()[0]}")
        for note in status.notes:
            console.say(f"Note: {note}")
    else:
        console.warning(status.message)
    if estimator.maximizes_evidence:
        console.say(f"Log p(x) of the training rows: {-estimator.objective_:.3f} nats per row.")
        return
    where = "validation" if was_validated(estimator) else "training"
    loss = (
        "Loss" if status.code == "closed_form" else f"Kept epoch {estimator.best_epoch_} of {estimator.n_iter_}: loss"
    )
    console.say(f"{loss} {estimator.objective_:.3f} per row on the {where} rows.")
