"""A short demo: it repeats, its folder holds what it names, and the commands that it suggests work."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from lowerbound import PPCA, load
from lowerbound.data.files import read_array


def numbers(out: str) -> list[str]:
    """The printed lines without the times taken."""
    lines = [" ".join(line.split()) for line in out.splitlines() if "The fit took" not in line]
    return [re.sub(r" \d+(\.\d+)? s$", "", line) for line in lines]


def test_the_demo_repeats_and_its_suggestions_work(run, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = run("demo", "--max-epochs", 1, "--quiet")
    assert (ran.code, ran.err) == (0, "")
    assert numbers(run("demo", "--max-epochs", 1, "--quiet").out) == numbers(ran.out)

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
    table = lines[lines.index("Against models whose log p(x) is exact") + 1 : lines.index("Try next:")]
    names = [line.split("(")[0] for line in table if line.endswith(" s")]
    assert names == ["PPCA", "FactorAnalysis", "MixtureOfFactorAnalyzers", "VAE"]
    ppca = PPCA(10, dequantize=True, random_state=0).fit(read_array(folder / "train.npy"))
    value, kind = table[1].split()[1:3]
    assert float(value) == pytest.approx(ppca.score(test), abs=0.0051)
    assert kind == "exact"
    assert "Lebesgue measure after uniform dequantization" in " ".join(" ".join(table).split())
    suggestions = lines[lines.index("Try next:") + 1 :]
    assert len(suggestions) == 3
    for line in suggestions:
        program, *words = shlex.split(line)
        assert program == "lowerbound"
        suggested = run(*words, *(("--max-epochs", 1, "-q") if words[0] == "fit" else ()))
        assert suggested.code == 0, suggested.err


def test_the_demo_leaves_other_folders_alone(run, tmp_path: Path):
    (tmp_path / "mine").write_text("mine")
    ran = run("demo", "--out", tmp_path)
    assert ran.code == 2
    assert ran.err.startswith("Error: --out must be a new folder, or that of an earlier demo;")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
