"""Every Python block of README.md and docs/*.md runs, and prints what the page says it prints; `make docs` runs this file.

The rule: a fenced block marked `python` is a session with `>>>` prompts, and is run; the blocks of a page share their names,
from top to bottom, in an empty folder of their own. Of a block marked `console`, the lines `$ lowerbound …` are run in the same
way, and have to end with exit code 0. What is not to be run is marked otherwise.

Ground truth: the page. Numbers with a decimal point agree where they differ by at most one unit of the last digit printed, or
by two per cent: a fit takes other roundings on other processors.
"""

import doctest
import re
import shlex
from pathlib import Path

import pytest

from lowerbound.cli import main

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [
    REPOSITORY / "README.md",
    *(page for page in sorted((REPOSITORY / "docs").rglob("*.md")) if "_build" not in page.parts),
]
FENCE = re.compile(r"^ *```+ *(.*)$")
DECIMAL = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")
COMMAND = re.compile(r"^\$ lowerbound +(.*)$", re.MULTILINE)
RELATIVE_TOLERANCE = 0.01


class RoundedChecker(doctest.OutputChecker):
    """Output as text, except for the last digit of decimal numbers."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        wanted = iter(DECIMAL.findall(want))

        def as_wanted(found: re.Match[str]) -> str:
            number = next(wanted, found.group())
            digits = len(number.partition(".")[2].partition("e")[0])
            unit = 10.0**-digits if "e" not in number else 0.0
            close = abs(float(found.group()) - float(number)) <= max(
                1.001 * unit, RELATIVE_TOLERANCE * abs(float(number))
            )
            return number if close else found.group()

        return super().check_output(want, DECIMAL.sub(as_wanted, got), optionflags)


def python_blocks(text: str) -> tuple[str, list[str]]:
    """The text with everything but its Python blocks blanked out (so that line numbers stay), and the blocks."""
    kept, blocks = [], []
    language = None
    for line in text.splitlines():
        fence = FENCE.match(line)
        if fence:
            language = fence.group(1) if language is None else None
            if language == "python":
                blocks.append("")
            kept.append("")
        elif language == "python":
            blocks[-1] += line + "\n"
            kept.append(line)
        else:
            kept.append("")
    return "\n".join(kept), blocks


def page_id(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_python_blocks_print_what_the_page_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    sessions, blocks = python_blocks(page.read_text(encoding="utf-8"))
    assert all(block.startswith(">>> ") for block in blocks), "a python block is a session; mark others `text`"
    test = doctest.DocTestParser().get_doctest(sessions, {}, page_id(page), str(page), 0)
    report: list[str] = []
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS | doctest.FAIL_FAST
    failed = doctest.DocTestRunner(RoundedChecker(), optionflags=options).run(test, out=report.append).failed
    assert not failed, "".join(report)


@pytest.mark.parametrize("page", [page for page in PAGES if COMMAND.search(page.read_text("utf-8"))], ids=page_id)
def test_commands_succeed(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for command in COMMAND.findall(page.read_text(encoding="utf-8")):
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(command))
        assert ended.value.code == 0, command


@pytest.mark.parametrize(
    ("want", "got", "agree"),
    [
        ("-24.3 ± 0.002", "-24.36 ± 0.003", True),
        ("-24.3", "-24.9", False),
        ("(3, 2)", "(2, 3)", False),
        ("0.95 of 3", "0.95 of 4", False),
        ("1.0 2.0", "1.0", False),
    ],
)
def test_numbers_agree_to_the_last_digit(want: str, got: str, agree: bool):
    assert RoundedChecker().check_output(want + "\n", got + "\n", 0) is agree


def test_relative_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", (REPOSITORY / "README.md").read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert local
    assert [link for link in local if not (REPOSITORY / link).exists()] == []
