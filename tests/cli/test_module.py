"""`--module`: a stranger's estimator, in a file of the stranger's own, gets the commands; no file is imported unasked."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lowerbound.cli import entry
from lowerbound.estimators.registry import forget, registrations

OWN = '''
"""A stranger's estimator."""
from typing import Literal

import lowerbound
from helpers_of_own import TWO


class OwnPCA(lowerbound.PPCA):
    """PPCA, by a stranger.

    Parameters
    ----------
    latent_dim
        Dimension of z. More follows.
    spread
        How wide: "narrow" or "wide"; None as ``latent_dim`` says.
    random_state
        As in :class:`PPCA`.
    """

    def __init__(self, latent_dim: int = TWO, *, spread: Literal["narrow", "wide"] | None = None, random_state=None):
        super().__init__(latent_dim, random_state=random_state)
        self.spread = spread


lowerbound.register(OwnPCA, command="own_pca")
'''


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    """The file; what it leaves in this process is taken back."""
    modules, path, names = set(sys.modules), list(sys.path), {line.name for line in registrations()}
    (tmp_path / "own_pca.py").write_text(OWN)
    (tmp_path / "helpers_of_own.py").write_text("TWO = 2\n")
    yield tmp_path / "own_pca.py"
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name in ("own_pca", "helpers_of_own", "broken", "silent"):
            del sys.modules[name]
    for line in registrations():
        if line.name not in names:
            forget(line.name)


def test_a_file_gives_its_estimator_every_command(run, own: Path, data: Path, tmp_path: Path):
    out = tmp_path / "m"
    ran = run("--module", own, "fit", "own_pca", data, "--out", out, "--spread", "wide", "--latent-dim", 1)
    assert (ran.code, ran.err) == (0, "")
    assert f"Next: lowerbound --module {own} evaluate {out} HELD_OUT_ROWS" in ran.out
    for words in (("evaluate", out, data), ("outliers", out, data), ("compare", out, data)):
        ran = run("--module", own, *words)
        assert (ran.code, ran.err) == (0, ""), words
    for words in (("encode", out, data), ("reconstruct", out, data), ("sample", out), ("impute", out, data)):
        assert run("--module", own, *words, "--out", tmp_path / f"{words[0]}.npy").code == 0, words
    assert np.load(tmp_path / "encode.npy").shape == (40, 1)


def test_its_help_is_made_from_its_signature_and_docstring(run, own: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert "own_pca" in run("--module", own, "fit", "--help").out
    shown = run("--module", own, "fit", "own_pca", "--help").out
    assert "--spread narrow|wide|none  [default: none]\n" in shown
    assert "How wide: narrow or wide; none" in shown
    assert "--latent-dim says." in shown
    assert "Dimension of z.\n" in shown
    assert "Seed of the draws of sample" in " ".join(shown.split())
    assert "--noise-floor" not in shown


def test_without_the_option_the_class_is_unknown(run, own: Path, data: Path, tmp_path: Path):
    assert run("--module", own, "fit", "own_pca", data, "--out", tmp_path / "m").code == 0
    forget("OwnPCA")
    ran = run("evaluate", tmp_path / "m", data)
    assert ran.code == 2
    assert "must be a known one; got 'OwnPCA'" in ran.err
    assert "lowerbound --module FILE.py COMMAND" in ran.err
    ran = run("fit", "own_pca", data, "--out", tmp_path / "other")
    assert ran.err.endswith("got 'own_pca'. Register others: lowerbound --module FILE.py fit ...\n")


def test_a_hyperparameter_named_like_an_option_of_fit_is_refused(run, own: Path, data: Path, tmp_path: Path):
    own.write_text(OWN.replace("spread", "split"))
    ran = run("--module", own, "fit", "own_pca", data, "--out", tmp_path / "m")
    assert ran.code == 2
    assert "hyperparameters of OwnPCA must have other names than the options of fit; got 'split'." in ran.err


def test_a_module_that_registers_nothing_is_refused(run, own: Path):
    silent = own.with_name("silent.py")
    silent.write_text("x = 1\n")
    ran = run("--module", silent, "data")
    assert ran.code == 2
    assert f"--module must register an estimator; {silent} registers none." in ran.err


def test_a_file_with_the_name_of_another_module_is_refused(run, own: Path):
    json = own.with_name("json.py")
    json.write_text(OWN)
    ran = run("--module", json, "data")
    assert ran.code == 2
    assert "--module must have a name of its own; json is another module." in ran.err


def test_faults_of_the_module_keep_their_traceback(own: Path):
    broken = own.with_name("broken.py")
    broken.write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        entry.main(["--module", str(broken), "data"])
    assert "broken" not in sys.modules
