"""Every script of examples/ runs with --quick and writes the pictures that it names, and nothing else.

Ground truth: the folder. A quick picture has the size and the parts of a full one, but shows nothing; what the full ones show
stands in docs/examples.md, whose pictures, commands and scripts have to be the ones that exist.
"""

import re
import runpy
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from matplotlib.image import imread

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLES = REPOSITORY / "examples"
PICTURES = REPOSITORY / "docs" / "_static" / "examples"
PAGE = REPOSITORY / "docs" / "examples.md"
DATA = {"manifold_faces": "frey_faces.npz", "faces_olivetti": "olivetti_faces.npz"}
SECOND = {"factor_analysis_binary_digits": "loadings", "manifold_digits": "latents", "manifold_faces": "latents"}
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem not in ("common", "own_model"))


@pytest.fixture
def run_script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Runs a script as `python examples/NAME.py --quick` does, in an empty folder; scripts of one shape compile once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)

    def run(name: str, *, data: Path) -> None:
        monkeypatch.setenv("LOWERBOUND_DATA", str(data))
        monkeypatch.setattr(sys, "argv", [f"examples/{name}.py", "--quick"])
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")

    yield run
    sys.modules.pop("common", None)  # a name that others use too


@pytest.mark.filterwarnings("ignore::lowerbound.evaluate.evidence.EvidenceWarning")  # one epoch is no fit
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_writes_its_pictures_and_nothing_else(
    name: str, run_script, data_folder: Path, tmp_path: Path, capsys
):
    file = DATA.get(name, "mnist.npz")
    if not (data_folder / file).is_file():
        pytest.skip(f"{file} is absent from the folder that LOWERBOUND_DATA names, {data_folder}")
    run_script(name, data=data_folder)
    said = capsys.readouterr().out
    stems = [name, *([f"{name}_{SECOND[name]}"] if name in SECOND else [])]
    expected = {Path("build") / "examples" / f"{stem}.png" for stem in stems}
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()} == expected
    for path in expected:
        picture = imread(tmp_path / path)[..., :3]
        assert min(picture.shape[:2]) >= 300
        assert picture.std() > 0.05  # not one colour
        assert f"{path}: " in said
    assert ("root mean square error" if name == "half_missing_digits" else "nats") in said  # the figure to look at


@pytest.mark.parametrize("name", sorted(DATA))
def test_an_absent_set_is_one_line(name: str, run_script, tmp_path: Path, capsys):
    with pytest.raises(SystemExit) as stop:
        run_script(name, data=tmp_path)
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"Error: data set {DATA[name].removesuffix('.npz')} must be in {DATA[name]}")


def test_the_page_has_each_script_and_each_picture():
    page = PAGE.read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\$ python examples/(\w+)\.py$", page, re.MULTILINE)) == SCRIPTS
    shown = re.findall(r"_static/examples/(\w+)\.png", page)
    assert sorted(shown) == sorted(path.stem for path in PICTURES.iterdir())


def test_committed_pictures_are_small_and_show_no_people():
    sizes = {path.stem: path.stat().st_size for path in PICTURES.iterdir()}
    assert all(0 < size < 60_000 for size in sizes.values()), sizes
    assert sum(sizes.values()) < 400_000
    assert not [stem for stem in sizes if "face" in stem]
