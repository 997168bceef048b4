"""A file imports its own layer and lower ones only.

Three choices beyond the order of the layers:

- `data` and `nn` share the lowest rank, and know nothing of each other while running: `nn` never imports
  `data`; `data` imports `nn` under `if TYPE_CHECKING:` only.
- `lowerbound/__init__.py` shows what the estimators and the layers below them offer, so it may import every
  layer, and only the layers above the estimators may import names from it.
- A file or folder that has no rank is itself a violation: a new room is a decision about the order.

An import counts wherever it stands: at the top, in a function, under `TYPE_CHECKING`, absolute or relative.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "lowerbound"

FACADE = "__init__"
ORDER = (
    {"version"},
    {"data", "nn"},
    {"gaussians"},
    {"likelihoods"},
    {"priors"},
    {"posteriors"},
    {"models"},
    {"objectives"},
    {"fit"},
    {"evaluate"},
    {"findings", "persist"},
    {"interface"},
    {"estimators"},
    {FACADE},
    {"plots"},
    {"report"},
    {"cli", "explorer", "__main__"},
)
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}


def room_of(parts: tuple[str, ...]) -> str:
    """The layer that `lowerbound.<parts>` belongs to; any other name is the package's own."""
    return parts[0] if parts and parts[0] in RANK else FACADE


def imports(tree: ast.Module, package: tuple[str, ...]) -> Iterator[tuple[int, str, bool]]:
    """Each import of lowerbound by a file of `package`: its line, the room reached, if for types only."""
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = tuple(node.module.split(".")) if node.module else ()
            targets = [(*base, *module, alias.name) for alias in node.names]
        else:
            continue
        for target in targets:
            if target[0] == "lowerbound":
                yield node.lineno, room_of(target[1:]), id(node) in for_types


def reason_against(room: str, target: str, *, for_types: bool) -> str | None:
    """Why a file in `room` must not import `target`, or None where it may."""
    if room in (FACADE, target):
        return None
    if RANK[target] > RANK[room]:
        return "a higher layer"
    if (room, target) == ("nn", "data"):
        return "nn knows arrays only"
    if (room, target) == ("data", "nn") and not for_types:
        return "allowed for types only"
    return None


def violations(source: Path) -> list[str]:
    """Every import under `source` (the folder of the package) that goes against the order, one line each."""
    found = []
    for path in sorted(source.rglob("*.py")):
        place = path.relative_to(source)
        room = place.parts[0].removesuffix(".py")
        if room not in RANK:
            found.append(f"{place}: {room} has no rank")
            continue
        package = ("lowerbound", *place.parent.parts)
        for line, target, for_types in imports(ast.parse(path.read_text(encoding="utf-8")), package):
            reason = reason_against(room, target, for_types=for_types)
            if reason:
                found.append(f"{place}:{line}: {room} imports {target}: {reason}")
    return found


def plant(source: Path, place: str, code: str) -> None:
    path = source / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code, encoding="utf-8")


def test_every_import_goes_to_its_own_layer_or_a_lower_one():
    assert any(SOURCE.rglob("*.py"))
    assert violations(SOURCE) == []


@pytest.mark.parametrize(
    ("place", "code", "expected"),
    [
        ("nn/mlp.py", "import lowerbound.models.vae", ":1: nn imports models: a higher layer"),
        ("fit/em.py", "from lowerbound.evaluate import evidence", ":1: fit imports evaluate: a higher layer"),
        ("fit/em.py", "from lowerbound import data, plots", ":1: fit imports plots: a higher layer"),
        ("models/vae.py", "from ..objectives import elbo", ":1: models imports objectives: a higher layer"),
        ("models/__init__.py", "from .. import fit", ":1: models imports fit: a higher layer"),
        ("models/deep/a.py", "from ...fit.em import run", ":1: models imports fit: a higher layer"),
        ("persist.py", "from .estimators import VAE", ":1: persist imports estimators: a higher layer"),
        (
            "fit/em.py",
            "def f():\n    from lowerbound.plots import p",
            ":2: fit imports plots: a higher layer",
        ),
        (
            "data/rows.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lowerbound.fit import em",
            ":3: data imports fit: a higher layer",
        ),
        ("estimators/vae.py", "import lowerbound", ":1: estimators imports __init__: a higher layer"),
        ("models/vae.py", "from lowerbound import VAE", ":1: models imports __init__: a higher layer"),
        ("nn/mlp.py", "from ..data import batches", ":1: nn imports data: nn knows arrays only"),
        ("data/rows.py", "from lowerbound.nn import mlp", ":1: data imports nn: allowed for types only"),
        ("utilities.py", "", ": utilities has no rank"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, place: str, code: str, expected: str):
    plant(tmp_path, place, code)
    assert violations(tmp_path) == [place + expected]


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("__init__.py", "from lowerbound.estimators import VAE\nfrom . import plots"),
        ("cli/main.py", "import lowerbound\nfrom lowerbound import VAE\nfrom ..plots import latent"),
        (
            "estimators/vae.py",
            "from ..models.vae import Model\nfrom . import autoencoder\nimport lowerbound_other",
        ),
        ("models/vae.py", "from . import model\nfrom ..nn import mlp\nfrom .. import likelihoods"),
        ("data/rows.py", "import typing\nif typing.TYPE_CHECKING:\n    from ..nn import mlp\nimport jax.nn"),
    ],
)
def test_a_lawful_import_passes(tmp_path: Path, place: str, code: str):
    plant(tmp_path, place, code)
    assert violations(tmp_path) == []
