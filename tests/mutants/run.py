"""Runner of the mutants: ``make mutants``, or ``python -m tests.mutants.run [part of a name …]``; some minutes.

The named tests run once on an unchanged copy of the source, where all must pass, then on a copy with one fault, where one must
fail. A fault whose original text is not found is an error as well: the source moved on, and the catalogue has to follow.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutants.catalog import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
PASSED, FAILED = 0, 1  # pytest's exit codes; others say that tests could not run


def mutate(source: Path, mutant: Mutant) -> None:
    """Write the fault into a copy of the source."""
    path = source / "lowerbound" / mutant.file
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text.count(mutant.original) != 1:
        raise LookupError(
            f"original of the mutant {mutant.name!r} must stand exactly once in {mutant.file}; got {text.count(mutant.original)} "
            "places. Adapt tests/mutants/catalog.py."
        )
    path.write_text(text.replace(mutant.original, mutant.mutated), encoding="utf-8")


def run_tests(folder: Path, tests: tuple[str, ...], *, until_first_failure: bool) -> subprocess.CompletedProcess[str]:
    """Pytest on the copy of the repository in ``folder``, whose source comes first on the path."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=line"]
    command += ["-x"] if until_first_failure else []
    command += [f"tests/{test}" for test in tests]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def copy_repository(folder: Path) -> None:
    """What tests need: the source, the tests, the examples that they run, and their settings."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("src", "tests", "examples"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)


def main(wanted: list[str]) -> int:
    """Exit code 0 if every fault was found."""
    mutants = [mutant for mutant in MUTANTS if not wanted or any(part in mutant.name for part in wanted)]
    wrong = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        copy_repository(folder)
        tests = tuple(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
        control = run_tests(folder, tests, until_first_failure=False)
        if control.returncode != PASSED:
            print(control.stdout[-3000:], control.stderr[-3000:], "tests must pass without a mutant", sep="\n")
            return 1
        print(f"{len(tests)} tests pass without a mutant", flush=True)
        for mutant in mutants:
            path = folder / "src" / "lowerbound" / mutant.file
            before = path.read_text(encoding="utf-8") if path.exists() else None
            try:
                mutate(folder / "src", mutant)
            except LookupError as error:
                wrong.append(str(error))
                print(f"NOT APPLIED  {mutant.name}", flush=True)
                continue
            ended = run_tests(folder, mutant.tests, until_first_failure=True)
            if before is not None:
                path.write_text(before, encoding="utf-8")
            verdict = {PASSED: "SURVIVED", FAILED: "found"}.get(ended.returncode, "NOT RUN")
            print(f"{verdict:11s}  {mutant.name}", flush=True)
            if ended.returncode != FAILED:
                wrong.append(f"{verdict}: {mutant.name}\n{ended.stdout[-1500:]}{ended.stderr[-1500:]}")
    print(*wrong, sep="\n\n")
    print(f"{len(mutants) - len(wrong)} of {len(mutants)} mutants found")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
