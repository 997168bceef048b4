"""`fit MODEL --help`: the options of that model and no others, with its defaults, readable in eighty columns.

Ground truth: the signatures of the estimators.
"""

import inspect
import re
import subprocess
import sys

import pytest

from lowerbound.cli.hyperparameters import values_of
from lowerbound.estimators.registry import BUILT_IN

LINES = [line for line in BUILT_IN if line.command]
OF_EVERY_MODEL = {"--out", "--overwrite", "--quiet", "--split", "--header", "--encoding", "--help"}


@pytest.fixture
def shown(run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")

    def shown(line) -> str:
        ran = run("fit", line.command, "--help")
        assert (ran.code, ran.err) == (0, "")
        return ran.out

    return shown


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.command)
def test_the_options_are_those_of_the_signature(shown, line):
    heads = {found[1]: found[0] for found in re.finditer(r"^  (--[\w-]+).*$", shown(line), re.MULTILINE)}
    parameters = inspect.signature(line.load_class()).parameters
    known = {name: values_of(parameter.annotation) for name, parameter in parameters.items() if name != "verbose"}
    own = {name: values for name, values in known.items() if not values.single_valued}
    assert set(heads) - OF_EVERY_MODEL == {f"--{name.replace('_', '-')}" for name in own}
    for name, values in own.items():
        head, default = heads[f"--{name.replace('_', '-')}"], parameters[name].default
        if values.flag:
            assert f"/ --no-{name.replace('_', '-')}  [default: {'on' if default else 'off'}]" in head
        elif default is None:
            assert head.endswith({"random_state": "[default: 0]", "binarize": "none"}.get(name, "[default: none]"))
        else:
            typed = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
            assert head.endswith(f" {values.placeholder}  [default: {typed}]")


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.command)
def test_eighty_columns_are_enough(shown, line):
    text = shown(line)
    assert max(map(len, text.splitlines())) <= 80
    assert line.summary in " ".join(text.split())
    assert "…" not in text.replace("0 … 255", "").replace("1, …", "").replace("0, 1, …", "").replace("n_draws=…", "")


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.command)
def test_every_option_has_a_text(shown, line):
    lines = shown(line).splitlines()
    for head, below in zip(lines, [*lines[1:], ""], strict=True):
        if head.startswith("  --"):
            assert re.match(r"      \S", below), head


def test_networks_and_training_stand_under_their_headings(shown):
    headings = [line for line in shown(LINES[0]).splitlines() if re.fullmatch(r"[A-Z][\w ]+", line)]
    assert headings == ["Files and output", "Model", "Network", "Training by gradient", "Other"]


def test_the_list_of_models_needs_no_jax():
    code = """
import sys
from lowerbound.cli import main
try:
    main(["fit", "--help"])
except SystemExit:
    print(sorted({"jax", "sklearn", "pandas"} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
    for line in LINES:
        assert line.command in ran.stdout
