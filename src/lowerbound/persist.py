"""Saved models: a folder of JSON and arrays, written aside and renamed; reading one runs no code from it.

    folder/model.json            format, version, class, hyperparameters, fitted values, library versions, checksum of the arrays
    folder/arrays.safetensors    every array, by name

This file knows folders, JSON and arrays; which classes exist is the business of ``estimators``. Hyperparameters may be scalars,
names, None, tuples and lists of these, and estimators of this library (inlined). Anything else is refused: no pickle.
"""

import contextlib
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from lowerbound.version import __version__

FORMAT = "lowerbound"
FORMAT_VERSION = 1
_DOCUMENT, _ARRAYS = "model.json", "arrays.safetensors"
_LIBRARIES = ("jax", "equinox", "optax", "numpyro", "numpy", "scikit-learn")


class SavedModelError(ValueError):
    """A folder is not a saved model that this version can read."""


def library_versions() -> dict[str, str]:
    """Name -> version of Python, of this library and of those that its numbers depend on."""
    own = {"python": platform.python_version(), "lowerbound": __version__}
    return own | {name: _installed_version(name) for name in _LIBRARIES}


def _installed_version(name: str) -> str:
    """The version in the package's metadata, which a source tree on the path does not have."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def encode_value(value: Any, *, owner: str, name: str) -> Any:
    """A hyperparameter or fitted value as JSON: scalars, names, None, tuples and lists; anything else is a clear error."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return encode_value(value.item(), owner=owner, name=name)
    if isinstance(value, tuple):
        return {"tuple": [encode_value(item, owner=owner, name=name) for item in value]}
    if isinstance(value, list):
        return [encode_value(item, owner=owner, name=name) for item in value]
    raise SavedModelError(
        f"{name} of {owner} must be a number, a name, None, or a tuple of these to be saved; got {type(value).__name__}. "
        "Set it to a plain value (an int for random_state) before saving."
    )


def decode_value(value: Any) -> Any:
    """The inverse of :func:`encode_value`."""
    if isinstance(value, dict) and set(value) == {"tuple"}:
        return tuple(decode_value(item) for item in value["tuple"])
    if isinstance(value, list):
        return [decode_value(item) for item in value]
    return value


def write_folder(path: str | os.PathLike[str], document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a model folder beside its place and rename it there; an earlier saved model of that name is replaced.

    Parameters
    ----------
    path
        The folder to be made; its parent is made too where it is missing.
    document
        JSON-able description.
    arrays
        Names and arrays.

    Raises
    ------
    OSError
        If the disk is full, or the place cannot be written; nothing is left behind.
    FileExistsError
        If something else than a saved model is at ``path``.
    """
    target = Path(path)
    if target.exists() and not _is_saved_model(target) and not _is_empty_folder(target):
        raise FileExistsError(
            f"path of save must be new or a saved model; {str(target)!r} is something else. Choose another."
        )
    # Not ascontiguousarray, which would give a number the shape (1,).
    payload = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    whole = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **document,
        "versions": library_versions(),
        "arrays_sha256": hashlib.sha256(payload).hexdigest(),
    }
    text = json.dumps(whole | {"document_sha256": _document_checksum(whole)}, indent=2)
    missing = [folder for folder in target.parents if not folder.exists()]  # nearest first: the order of removal
    aside = replaced = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        for name, content in ((_ARRAYS, payload), (_DOCUMENT, text.encode())):
            with open(aside / name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        aside.chmod(0o755)
        if target.exists():
            replaced = target.rename(aside.with_name(aside.name + "-replaced"))
        aside.rename(target)
    except BaseException as error:
        if replaced is not None:
            replaced.rename(target)
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if not isinstance(error, OSError):
            raise
        raise OSError(
            error.errno, f"the model could not be saved ({error.strerror}); nothing was written", str(target)
        ) from error
    if replaced is not None:
        shutil.rmtree(replaced, ignore_errors=True)


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _is_saved_model(folder: Path) -> bool:
    """Whether all that a folder holds is a model of this library: only then may it be replaced."""
    try:
        document = json.loads((folder / _DOCUMENT).read_bytes())
        return {file.name for file in folder.iterdir()} <= {_DOCUMENT, _ARRAYS} and document["format"] == FORMAT
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False


def read_folder(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The document and the arrays of a saved model, checked.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    SavedModelError
        If it is not a saved model, is truncated or altered, or was written by a newer format.
    """
    folder = Path(path)
    if not folder.exists():
        raise FileNotFoundError(f"path of load must be a saved model; there is nothing at {str(folder)!r}.")
    where = f"the saved model at {str(folder)!r}"
    if not (folder / _DOCUMENT).is_file():
        raise SavedModelError(f"{where} cannot be read: no {_DOCUMENT} in it. Name the folder that save made.")
    try:
        document = json.loads((folder / _DOCUMENT).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SavedModelError(f"{where} cannot be read: {_DOCUMENT} is truncated or not JSON.") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise SavedModelError(f"{where} cannot be read: {_DOCUMENT} was not written by this library.")
    written = document.get("format_version")
    if not isinstance(written, int) or written > FORMAT_VERSION:
        raise SavedModelError(
            f"{where} has format version {written}; this library reads up to {FORMAT_VERSION}. Upgrade lowerbound."
        )
    if document.pop("document_sha256", None) != _document_checksum(document):
        raise SavedModelError(f"{where} cannot be read: {_DOCUMENT} was altered (its checksum differs).")
    try:
        payload = (folder / _ARRAYS).read_bytes()
    except OSError as error:
        raise SavedModelError(f"{where} cannot be read: {_ARRAYS} is missing or unreadable.") from error
    if hashlib.sha256(payload).hexdigest() != document.get("arrays_sha256"):
        raise SavedModelError(f"{where} cannot be read: {_ARRAYS} is truncated or was altered (its checksum differs).")
    try:
        return document, load(payload)
    except SafetensorError as error:
        raise SavedModelError(f"{where} cannot be read: {_ARRAYS} is damaged.") from error


def _document_checksum(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
