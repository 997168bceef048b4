"""What the commands say, and where: results on standard output; progress, status, warnings and errors on standard error.

And what was said to them: the words of the command that runs.
"""

import shlex
import warnings
from collections.abc import Sequence
from contextvars import ContextVar
from io import StringIO
from typing import TextIO

from rich.console import Console, RenderableType
from rich.status import Status
from rich.text import Text

results = Console(highlight=False)
messages = Console(stderr=True, highlight=False)

_UNBOUNDED = 100_000  # columns
_typed: ContextVar[tuple[str, ...]] = ContextVar("typed", default=())
_modules: ContextVar[tuple[str, ...]] = ContextVar("modules", default=())


def remember(words: Sequence[str]) -> None:
    """Keep the words after the program's name, for :func:`command_line`."""
    _typed.set(tuple(words))
    _modules.set(())


def remember_modules(modules: Sequence[str]) -> None:
    """Keep what --module named, for :func:`program`."""
    _modules.set(tuple(modules))


def program() -> str:
    """How the next command begins, with the modules of this one, quoted for a shell."""
    return shlex.join(["lowerbound", *(word for module in _modules.get() for word in ("--module", module))])


def command_line() -> str:
    """The command that runs, quoted for a shell."""
    return shlex.join(["lowerbound", *_typed.get()])


def show(result: RenderableType) -> None:
    """A result of many lines: wrapped to a terminal, never wrapped or cut in a pipe or a file."""
    if results.file.isatty():
        results.print(result)
    else:
        text = StringIO()
        Console(file=text, width=_UNBOUNDED, highlight=False).print(result)
        results.file.writelines(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def working(text: str) -> Status:
    """A context in which a terminal shows that something is being done; ``update`` changes the words."""
    return messages.status(f"{text} …")


def say(text: str, *, style: str = "") -> None:
    """One line of a result; never wrapped, never read as markup."""
    results.print(Text(text, style=style), soft_wrap=True)


def say_aside(text: str, *, label: str = "", style: str = "") -> None:
    """One line on standard error, with a coloured label; line breaks inside become spaces."""
    line = Text.assemble((f"{label}: " if label else "", style), " ".join(text.split()))
    messages.print(line, soft_wrap=True)


def error(text: str) -> None:
    """The one line of bad input."""
    say_aside(text, label="Error", style="bold red")


def warning(text: str) -> None:
    """A line that asks for attention."""
    say_aside(text, label="Warning", style="bold yellow")


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Stands in for ``warnings.showwarning``: the message in one line, without the place in the code."""
    warning(str(message))


def shorten_warnings() -> None:
    """Show user warnings once each and in one line; call it inside ``warnings.catch_warnings``."""
    warnings.filterwarnings("default", category=UserWarning)
    warnings.filterwarnings("ignore", "fit of ", UserWarning)  # the commands say how a fit ended themselves
    warnings.showwarning = show_warning
