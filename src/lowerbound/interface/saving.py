"""Saving and loading estimators: fitted attributes by kind, models as arrays by path, classes by name from a list.

    save:  hyperparameters and every attribute that ends in "_"  ->  (document, arrays)  ->  persist.write_folder
    load:  persist.read_folder  ->  class by name, hyperparameters  ->  attributes  ->  skeleton of the model, filled with arrays

Nothing in a file is executed or unpickled: class names are looked up among those that the caller knows, and a model's structure
comes from the class and its hyperparameters, never from the file.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from lowerbound.data.preprocessing import Preprocessing
from lowerbound.fit.result import Status
from lowerbound.models.model import AbstractModel
from lowerbound.persist import SavedModelError, decode_value, encode_value, read_folder, write_folder

Arrays = dict[str, np.ndarray]
ClassNamed = Callable[[str], type[BaseEstimator] | None]
"""Function from the name of a class to the class, or None."""


class UnknownClassError(SavedModelError):
    """A saved model is of a class that the caller does not know."""


def save_estimator(estimator: BaseEstimator, path: str | os.PathLike[str]) -> None:
    """Save a fitted estimator as a folder of JSON and arrays; see ``persist.write_folder`` for the errors."""
    check_is_fitted(estimator)
    document, arrays = _describe(estimator, prefix="")
    write_folder(path, document, arrays)


def load_estimator(path: str | os.PathLike[str], *, class_named: ClassNamed) -> BaseEstimator:
    """The estimator saved at ``path``; see ``persist.read_folder`` for the errors."""
    document, arrays = read_folder(path)
    where = f"the saved model at {os.fspath(path)!r}"
    try:
        return _restore(document, arrays, prefix="", class_named=class_named)
    except UnknownClassError as error:
        raise UnknownClassError(
            f"class of {where} must be a known one; got {error}. Import its module, if that calls lowerbound.register, or name "
            "the class: load(path, classes=[...]). On the command line: lowerbound --module FILE.py COMMAND ..."
        ) from None
    except Exception as error:  # whatever a description made by hand leads to, with its reason
        raise SavedModelError(
            f"{where} does not fit this version of the library ({error}). It was written by "
            f"lowerbound {document.get('versions', {}).get('lowerbound', 'unknown')}; fit and save it again."
        ) from error


def _describe(estimator: BaseEstimator, *, prefix: str) -> tuple[dict[str, Any], Arrays]:
    owner = type(estimator).__name__
    arrays: Arrays = {}
    fitted: dict[str, Any] = {}
    hyperparameters: dict[str, Any] = {}
    for name, value in estimator.get_params(deep=False).items():
        if isinstance(value, BaseEstimator):
            hyperparameters[name] = {"estimator": _unfitted(value)}
        else:
            hyperparameters[name] = encode_value(value, owner=owner, name=name)
    for name, value in vars(estimator).items():
        if not name.endswith("_") or name.startswith("_"):
            continue
        match value:
            case AbstractModel():
                fitted[name] = {"kind": "model"}
                arrays |= _named_leaves(value, prefix + name)
            case Preprocessing():
                fitted[name] = {
                    "kind": "preprocessing",
                    "white_level": value.white_level,
                    "treatment": value.treatment,
                    "dtype": value.dtype,
                }
                arrays |= _named_leaves(value, prefix + name)
            case Status():
                fitted[name] = {"kind": "status", "code": value.code, "message": value.message}
            case dict():
                fitted[name] = {"kind": "history", "names": list(value)}
                arrays |= {f"{prefix}{name}/{key}": column for key, column in value.items()}
            case BaseEstimator():
                document, inner = _describe(value, prefix=f"{prefix}{name}/")
                fitted[name] = {"kind": "estimator", "document": document}
                arrays |= inner
            case np.ndarray() if value.dtype == object:
                fitted[name] = {"kind": "strings", "value": [str(item) for item in value]}
            case np.ndarray():
                fitted[name] = {"kind": "array"}
                arrays[prefix + name] = value
            case _:
                fitted[name] = {"kind": "value", "value": encode_value(value, owner=owner, name=name)}
    return {"class": owner, "hyperparameters": hyperparameters, "fitted": fitted}, arrays


def _unfitted(estimator: BaseEstimator) -> dict[str, Any]:
    """Class and hyperparameters of a nested estimator; what it may have been fitted to is not part of it."""
    owner = type(estimator).__name__
    values = estimator.get_params(deep=False).items()
    return {
        "class": owner,
        "hyperparameters": {name: encode_value(value, owner=owner, name=name) for name, value in values},
        "fitted": {},
    }


def _restore(document: Mapping[str, Any], arrays: Arrays, *, prefix: str, class_named: ClassNamed) -> BaseEstimator:
    estimator_class = class_named(document["class"])
    if estimator_class is None:
        raise UnknownClassError(repr(document["class"]))
    hyperparameters = {}
    for name, value in document["hyperparameters"].items():
        if isinstance(value, dict) and "estimator" in value:
            hyperparameters[name] = _restore(value["estimator"], arrays, prefix=prefix, class_named=class_named)
        else:
            hyperparameters[name] = decode_value(value)
    estimator = estimator_class(**hyperparameters)
    if hasattr(estimator, "_check_hyperparameters"):
        estimator._check_hyperparameters()
    models = []
    for name, saved in document["fitted"].items():
        if not name.endswith("_") or name.startswith("_"):
            raise SavedModelError(f"{name!r} is not the name of a fitted attribute")
        match saved["kind"]:
            case "model":
                models.append(name)  # last: its skeleton needs the other attributes
            case "preprocessing":
                shift, scale = arrays[f"{prefix}{name}/.shift"], arrays[f"{prefix}{name}/.scale"]
                if not shift.shape == scale.shape == tuple(decode_value(document["fitted"]["input_shape_"]["value"])):
                    raise SavedModelError(f"the arrays of {name} are not of the shape of a row")
                dtype = saved.get("dtype", "float32")  # folders of earlier versions do not say
                setattr(estimator, name, Preprocessing(shift, scale, saved["white_level"], saved["treatment"], dtype))
            case "status":
                setattr(estimator, name, Status(saved["code"], saved["message"]))
            case "history":
                setattr(estimator, name, {key: arrays[f"{prefix}{name}/{key}"] for key in saved["names"]})
            case "estimator":
                inner = _restore(saved["document"], arrays, prefix=f"{prefix}{name}/", class_named=class_named)
                setattr(estimator, name, inner)
            case "strings":
                setattr(estimator, name, np.array(saved["value"], dtype=object))
            case "array":
                setattr(estimator, name, arrays[prefix + name])
            case "value":
                setattr(estimator, name, decode_value(saved["value"]))
            case kind:
                raise SavedModelError(f"attribute {name} is of unknown kind {kind!r}")
    for name in models:
        with jax.enable_x64(True):  # so that a skeleton says float64 where it means it
            skeleton = eqx.filter_eval_shape(estimator._skeleton, key=jax.random.key(0))
        setattr(estimator, name, _filled(skeleton, arrays, prefix + name))
    return estimator


def _path_name(prefix: str, path: tuple[Any, ...]) -> str:
    return f"{prefix}/{jax.tree_util.keystr(path)}"


def _named_leaves(module: eqx.Module, prefix: str) -> Arrays:
    """Every array of a module, named by its path."""
    leaves = jax.tree_util.tree_leaves_with_path(module)
    return {_path_name(prefix, path): np.asarray(leaf) for path, leaf in leaves}


def _filled(skeleton: PyTree, arrays: Arrays, prefix: str) -> PyTree:
    """The skeleton with the saved arrays in place of its shapes, each checked."""

    def leaf(path: tuple[Any, ...], shape: jax.ShapeDtypeStruct) -> jax.Array | np.ndarray:
        name = _path_name(prefix, path)
        found = arrays[name]
        if found.shape != shape.shape or found.dtype != shape.dtype:
            raise SavedModelError(
                f"array {name} should be {shape.dtype}{list(shape.shape)} but is {found.dtype}{list(found.shape)}"
            )
        return found if found.dtype == np.float64 else jnp.asarray(found)  # float64 stays outside of JAX

    return jax.tree_util.tree_map_with_path(leaf, skeleton)
