"""The catalogue of mutants fits the source, and its runner does not take what cannot run for a fault that was found."""

import re
import shutil
from pathlib import Path

import pytest

from tests.mutants.catalog import MUTANTS
from tests.mutants.run import mutate

ROOT = Path(__file__).resolve().parents[2]
every_mutant = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return Path(shutil.copytree(ROOT / "src", tmp_path_factory.mktemp("copy") / "src"))


@every_mutant
def test_every_mutant_can_be_applied(mutant, source):
    path = source / "lowerbound" / mutant.file
    before = path.read_text(encoding="utf-8")
    mutate(source, mutant)
    after = path.read_text(encoding="utf-8")
    path.write_text(before, encoding="utf-8")
    assert after != before
    compile(after, mutant.file, "exec")


@every_mutant
def test_every_mutant_names_tests_that_exist(mutant):
    for test in mutant.tests:
        file, name = test.split("::")
        assert re.search(rf"^def {name}\(", (ROOT / "tests" / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_names_are_different():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("original", ["no such text in this file", "import"], ids=["not found", "more than once"])
def test_an_original_that_does_not_stand_there_once_is_an_error(original, source):
    with pytest.raises(LookupError, match=r"must stand exactly once in models/mixture.py; got \d+ places. Adapt"):
        mutate(source, MUTANTS[0]._replace(file="models/mixture.py", original=original))
