"""The help of a command with many options: each with its values on one line, its text below, so that no name is ever broken."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from rich.text import Text
from typer.core import TyperArgument, TyperCommand, TyperOption

from lowerbound.cli import console

_WIDEST = 100  # columns: longer lines of prose are hard to read
_OTHERS = "Other"


class OptionList(TyperCommand):
    """A command whose help is a list of options under headings, in the order of the options."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        members = [one for one in self.get_params(ctx) if isinstance(one, (TyperArgument, TyperOption))]
        _show(Text(f"Usage: {ctx.command_path} {_usage(members)}", style="bold"))
        _show(Text(f"\n{self.help}"))
        panels = defaultdict(list)
        for one in members:
            panels[one.rich_help_panel or _OTHERS].append(one)
        for heading, inside in panels.items():
            _show(Text(f"\n{heading}", style="bold"))
            for one in inside:
                _show(_head(one), indent=2)
                _show(Text(one.help or ""), indent=6)


def _show(text: Text, *, indent: int = 0) -> None:
    """Print wrapped text without spaces at the ends of lines."""
    for line in text.wrap(console.results, min(console.results.width, _WIDEST) - indent):
        line.rstrip()
        console.results.print(Text(" " * indent) + line, soft_wrap=True)


def _usage(members: Sequence[TyperArgument | TyperOption]) -> str:
    """What must be given."""
    required = [
        one.display_name_raw if isinstance(one, TyperArgument) else f"{one.opts[0]} {one.metavar}"
        for one in members
        if one.required
    ]
    return " ".join([*required, "[OPTIONS]"])


def _head(member: TyperArgument | TyperOption) -> Text:
    """Names, values, and the default or the fact that there is none."""
    if isinstance(member, TyperArgument):
        return Text(member.display_name_raw, style="bold cyan")
    names = ", ".join(member.opts) + "".join(f" / {name}" for name in member.secondary_opts)
    head = Text(names, style="bold cyan")
    if member.metavar:
        head.append(f" {member.metavar}", style="not bold yellow")
    if member.required:
        head.append("  [required]", style="not bold red")
    elif isinstance(member.show_default, str):
        head.append(f"  [default: {member.show_default}]", style="not bold dim")
    return head
