"""A process that only scores: a saved exact model, loaded as an estimator or for scoring alone, beside `import sklearn.base`.

`first_score_s` goes from the first line of the process to the first score of a row, imports included; `row_ms` is the median of
1 000 rows scored one at a time.
"""

import compileall
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import (
    ROOT,
    Side,
    all_versions,
    disturbance_section,
    header,
    interleave,
    machine,
    medians,
    ratio,
    table,
    write,
)

BASE = "import sklearn.base"
COLUMNS = ("first_score_s", "peak_rss_mib", "row_ms", "100_000_rows_s", "100_000_rows_with_holes_s", "jax")


def main() -> None:
    """Fit and save three models, score with each in processes of their own, and write the results."""
    about = machine()
    compileall.compile_dir(str(ROOT / "src"), quiet=1)  # bytecode, as an installed package has it
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: those that follow would inherit the peak of its memory.
        subprocess.run([sys.executable, __file__, "--save", folder], check=True)
        names = sorted(path.name for path in Path(folder).iterdir())
        sides = [Side(BASE, sys.executable, "scoring.py", (BASE, ""))]
        for name in names:
            for kind in ("estimator", "scorer"):
                sides.append(Side(f"{name}, {kind}", sys.executable, "scoring.py", (kind, f"{folder}/{name}")))
        runs = interleave(sides, repeats=5, threads=2)
    numbers = medians(runs)
    rows = [[name, *(found.get(column, "") for column in COLUMNS)] for name, found in numbers.items()]
    whole = [ratio(runs, f"{name}, estimator", BASE, column) for name in names for column in COLUMNS[:2]]
    sections = [
        "A fresh process scores a row of six cells with a saved model.",
        table(("process", *COLUMNS), rows),
        "Estimators beside `import sklearn.base`:\n\n" + "\n".join(f"- {each.sentence()}" for each in whole),
        disturbance_section(runs),
    ]
    result = header("scoring_process", versions=all_versions(runs), machine=about)
    write(result | {"runs": runs}, sections)


def _save(folder: Path) -> None:
    """Fit and save the models."""
    import numpy as np

    from lowerbound import PPCA, FactorAnalysis, MixtureOfFactorAnalyzers

    draws = np.random.default_rng(0)
    x = draws.normal(size=(500, 2)) @ draws.normal(size=(2, 6)) + 0.3 * draws.normal(size=(500, 6))
    models = {
        "PPCA": PPCA(2),
        "FactorAnalysis": FactorAnalysis(2),
        "MixtureOfFactorAnalyzers": MixtureOfFactorAnalyzers(3, latent_dim=1, random_state=0),
    }
    for name, model in models.items():
        model.fit(x).save(folder / name)


if __name__ == "__main__":
    _save(Path(sys.argv[2])) if sys.argv[1:2] == ["--save"] else main()
