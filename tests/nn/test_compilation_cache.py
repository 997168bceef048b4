"""The persistent compilation cache: where it lies, when it is used, and that a bad one is passed over in silence.

Ground truth: JAX's own count of cache hits, in processes of their own, and the folder's contents.
"""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lowerbound.nn import compilation_cache
from lowerbound.nn.compilation_cache import VARIABLE, cache_folder, use_compilation_cache

SOURCE = Path(compilation_cache.__file__).resolve().parents[2]

FIT = """
import jax
hits = []
jax.monitoring.register_event_listener(lambda event, **about: hits.append(event) if event.endswith("/cache_hits") else None)
import numpy as np
from lowerbound import FactorAnalysis
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)  # on any machine
X = np.random.default_rng(0).normal(size=(50, 4))
print(repr(FactorAnalysis(1, tol=1e-3).fit(X).score(X)), len(hits), jax.config.jax_compilation_cache_dir)
"""


def fit(tmp_path, **variables):
    """Score, cache hits and cache folder of a fit in a process of its own; nothing is said on standard error."""
    kept = {name: value for name, value in os.environ.items() if name not in (VARIABLE, "JAX_COMPILATION_CACHE_DIR")}
    environment = kept | {"PYTHONPATH": str(SOURCE), "HOME": str(tmp_path / "home")} | variables
    command = [sys.executable, "-W", "error", "-c", FIT]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    score, hits, folder = ran.stdout.split()
    return float(score), int(hits), folder


def test_the_second_process_reads_what_the_first_compiled(tmp_path):
    cache = tmp_path / "cache"
    score, hits, folder = fit(tmp_path, XDG_CACHE_HOME=str(cache))
    assert hits == 0
    assert Path(folder).parent == cache / "lowerbound"
    assert stat.S_IMODE(os.stat(folder).st_mode) == stat.S_IMODE(os.stat(cache / "lowerbound").st_mode) == 0o700
    again, hits, _ = fit(tmp_path, XDG_CACHE_HOME=str(cache))
    assert hits > 0
    assert again == score
    damaged = [entry for entry in Path(folder).iterdir() if entry.name.endswith("-cache")]
    for entry in damaged:
        entry.write_bytes(entry.read_bytes()[:100])
    again, hits, _ = fit(tmp_path, XDG_CACHE_HOME=str(cache))
    assert (again, hits) == (score, 0)


def test_the_users_own_folder_is_left_alone(tmp_path):
    own = tmp_path / "own"
    assert fit(tmp_path, JAX_COMPILATION_CACHE_DIR=str(own), XDG_CACHE_HOME=str(tmp_path))[2] == str(own)
    assert not (tmp_path / "lowerbound").exists()


def test_switched_off(tmp_path):
    assert fit(tmp_path, **{VARIABLE: "off"})[1:] == (0, "None")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({VARIABLE: "off"}, None),
        ({VARIABLE: " OFF "}, None),
        ({VARIABLE: "/a/b"}, "/a/b"),
        ({VARIABLE: "~/b"}, "/home/ada/b"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/lowerbound/jax-"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/ada/.cache/lowerbound/jax-"),
        ({}, "/home/ada/.cache/lowerbound/jax-"),
    ],
)
def test_where_it_lies(monkeypatch, variables, expected):
    for name in (VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/home/ada"} | variables).items():
        monkeypatch.setenv(name, value)
    found = cache_folder()
    assert found is None if expected is None else str(found).startswith(expected)


@pytest.fixture
def settings(monkeypatch):
    """JAX's settings as they are before anybody changed them, put back afterwards."""
    changed = {}

    class Settings:
        jax_compilation_cache_dir = None
        jax_enable_compilation_cache = True
        jax_persistent_cache_min_compile_time_secs = 1.0

        def update(self, name, value):
            changed[name] = value

    monkeypatch.setattr(compilation_cache.jax, "config", Settings())
    return changed


def unusable(kind, tmp_path):
    folder = tmp_path / "cache"
    if kind == "a file":
        folder.write_text("")
    elif kind == "below a file":
        (tmp_path / "file").write_text("")
        folder = tmp_path / "file" / "cache"
    elif kind == "others may write":
        folder.mkdir()
        folder.chmod(0o777)
    return folder


@pytest.mark.parametrize("kind", ["a file", "below a file", "others may write"])
def test_an_unusable_folder_is_passed_over(kind, tmp_path, settings, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(unusable(kind, tmp_path)))
    assert use_compilation_cache() is None
    assert settings == {}


def test_a_folder_of_another_owner_is_passed_over(tmp_path, settings, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(os, "getuid", lambda: os.stat(tmp_path).st_uid + 1)
    assert use_compilation_cache() is None
    assert settings == {}


def test_a_read_only_folder_is_passed_over(tmp_path, settings, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # root may write anywhere
    assert use_compilation_cache() is None
    assert settings == {}


def test_the_oldest_entries_of_a_large_folder_are_removed(tmp_path, settings, monkeypatch):
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    for age in range(8):
        entry = folder / f"{age}-cache"
        entry.write_bytes(bytes(100))
        os.utime(entry, (1e9 - age, 1e9 - age))
    monkeypatch.setenv(VARIABLE, str(folder))
    monkeypatch.setattr(compilation_cache, "LARGEST_BYTES", 800)
    assert use_compilation_cache() == folder
    assert len(list(folder.iterdir())) == 8
    monkeypatch.setattr(compilation_cache, "LARGEST_BYTES", 799)
    assert use_compilation_cache() == folder
    assert sorted(entry.name for entry in folder.iterdir()) == ["0-cache", "1-cache", "2-cache"]
    assert settings["jax_compilation_cache_dir"] == str(folder)
