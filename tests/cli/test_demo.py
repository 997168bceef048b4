"""A short demo: it repeats, its folder holds what it names, and the commands that it suggests work."""

import shlex
from pathlib import Path

import numpy as np

from lowerbound import load
from lowerbound.data.files import read_array


def numbers(out: str) -> list[str]:
    """The printed lines but the one of the time taken."""
    return [line for line in out.splitlines() if "The fit took" not in line]


def test_the_demo_repeats_and_its_suggestions_work(run, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = run("demo", "--epochs", 1, "--quiet")
    assert (ran.code, ran.err) == (0, "")
    assert numbers(run("demo", "--epochs", 1, "--quiet").out) == numbers(ran.out)

    folder = tmp_path / "lowerbound-demo"
    assert sorted(path.name for path in folder.iterdir()) == [
        "digits.png", "model", "report.html", "test.npy", "train.npy",
    ]  # fmt: skip
    assert (folder / "digits.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<h1>VAE on digits (test rows)</h1>" in page
    assert "10 images and their reconstructions" in page
    test = read_array(folder / "test.npy")
    assert read_array(folder / "train.npy").shape == (1438, 61)
    kl = load(folder / "model").outlier_scores(test, method="kl")
    worst = int(np.argmax(kl))
    assert f"row {worst:3}, a " in ran.out
    assert f"{kl[worst]:.1f} nats" in ran.out
    assert "nats per image" in ran.out

    lines = ran.out.splitlines()
    suggestions = lines[lines.index("Try next:") + 1 :]
    assert len(suggestions) == 3
    for line in suggestions:
        program, *words = shlex.split(line)
        assert program == "lowerbound"
        suggested = run(*words, *(("--epochs", 1, "-q") if words[0] == "fit" else ()))
        assert suggested.code == 0, suggested.err


def test_the_demo_leaves_other_folders_alone(run, tmp_path: Path):
    (tmp_path / "mine").write_text("mine")
    ran = run("demo", "--out", tmp_path)
    assert ran.code == 2
    assert ran.err.startswith("Error: --out must be a new folder, or that of an earlier demo;")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
