"""The registry: one line a class, from which public names, `load` and the command line follow; strangers may join.

Ground truth: the classes themselves, and what `lowerbound/__init__.py` shows to those who read types.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lowerbound
from lowerbound import PPCA, SavedModelError, load, register
from lowerbound.estimators.registry import BUILT_IN, forget, registrations

SOURCE = Path(lowerbound.__file__)


class OwnPCA(PPCA):
    """PPCA, by a stranger.

    It has nothing of its own.
    """


@pytest.fixture
def registered() -> Iterator[type]:
    yield register(OwnPCA, command="own_pca")
    forget("OwnPCA")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    OwnPCA(latent_dim=1, random_state=0).fit(rows()).save(tmp_path / "own")
    return tmp_path / "own"


def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(20, 3))


@pytest.mark.parametrize("line", BUILT_IN, ids=lambda line: line.name)
def test_a_line_leads_to_its_class(line):
    found = line.load_class()
    assert found.__name__ == line.name
    assert found.__module__ == line.home
    assert getattr(lowerbound, line.name) is found


def test_names_and_commands_are_unique():
    for values in ([line.name for line in BUILT_IN], [line.command for line in BUILT_IN if line.command]):
        assert len(set(values)) == len(values)


def test_public_names_are_those_that_types_show():
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    shown = {alias.asname: node.module for node in block.body for alias in node.names}
    assert shown == lowerbound._HOMES
    assert sorted([*shown, "register"]) == lowerbound.__all__
    assert all(hasattr(lowerbound, name) for name in lowerbound.__all__)


def test_the_registry_imports_nothing_heavy():
    code = "import sys, lowerbound; print(sorted({'jax', 'sklearn', 'numpy', 'typer'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert ran.stdout == "[]\n"


def test_a_stranger_joins(registered, saved: Path):
    line = registrations()[-1]
    assert (line.name, line.command, line.summary) == ("OwnPCA", "own_pca", "PPCA, by a stranger.")
    assert line.load_class() is OwnPCA
    np.testing.assert_array_equal(
        load(saved).transform(rows()), OwnPCA(1, random_state=0).fit(rows()).transform(rows())
    )
    assert register(OwnPCA, command="mine") is OwnPCA  # again, as a notebook does
    assert [line.command for line in registrations() if line.name == "OwnPCA"] == ["mine"]


def test_a_class_named_in_the_call_is_known_there_only(saved: Path):
    assert isinstance(load(saved, classes=[OwnPCA]), OwnPCA)
    with pytest.raises(SavedModelError, match="must be a known one; got 'OwnPCA'"):
        load(saved)


def test_an_unknown_class_is_named_with_the_remedy(saved: Path):
    with pytest.raises(SavedModelError) as raised:
        load(saved)
    assert str(raised.value) == (
        f"class of the saved model at {str(saved)!r} must be a known one; got 'OwnPCA'. Import its module, if that calls "
        "lowerbound.register, or name the class: load(path, classes=[...]). On the command line: lowerbound --module FILE.py "
        "COMMAND ..."
    )


@pytest.mark.parametrize(
    ("estimator", "options", "message"),
    [
        (type("VAE", (PPCA,), {}), {}, "name of VAE must be new; this library has a class of it. Rename yours."),
        (OwnPCA, {"command": "ppca"}, "command of OwnPCA must be new; 'ppca' is that of PPCA. Choose another."),
        (PPCA(), {}, "estimator of register must be a class of estimators; got PPCA()."),
        (dict, {}, "estimator of register must be a class of estimators; got <class 'dict'>."),
    ],
)
def test_what_cannot_join(estimator, options: dict, message: str):
    before = registrations()
    with pytest.raises(ValueError, match="must be") as raised:
        register(estimator, **options)
    assert message in str(raised.value)
    assert registrations() == before
