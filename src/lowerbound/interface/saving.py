"""Saving and loading estimators: fitted attributes by kind, pytrees as arrays by path, classes by name from a list.

    save:  hyperparameters and every attribute that ends in "_"  ->  (document, arrays)  ->  persist.write_folder
    load:  persist.read_folder  ->  class by name, hyperparameters  ->  attributes  ->  skeletons of pytrees, filled with arrays

Nothing in a file is executed or unpickled: class names are looked up among those that the caller knows. The structure of a pytree
(a model, local state of the rows) comes from the class and its hyperparameters, never from the file: an estimator names such
attributes in ``_skeletons``. Leaves that are no arrays, such as functions, are structure.
"""

import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from lowerbound.data.preprocessing import Preprocessing
from lowerbound.fit.result import Status
from lowerbound.gaussians.mixture import GaussianMixture
from lowerbound.gaussians.saved import arrays_of, saved_density, saved_preprocessing
from lowerbound.interface.hyperparameters import check_choices
from lowerbound.persist import SavedModelError, decode_value, encode_value, read_folder, write_folder

Arrays = dict[str, np.ndarray]

ClassNamed = Callable[[str], type["SavableEstimator"] | None]
"""Function from the name of a class to the class, or None."""


class UnknownClassError(SavedModelError):
    """A saved model is of a class that the caller does not know."""


class SavableEstimator(BaseEstimator):
    """Base of every estimator that can be saved and loaded."""

    def _check_hyperparameters(self) -> None:
        """Raise one clear ValueError for the first hyperparameter that is out of its range; choices are, here."""
        check_choices(self)

    def _skeletons(self) -> Mapping[str, Callable[..., Any]]:
        """Fitted attributes that are pytrees of arrays -> functions of ``key`` that make a pytree of that structure.

        ``load`` evaluates them in this order, for shapes alone, when all other attributes are in place: a function may read
        those, and pytrees named before its own. An attribute that is None needs no skeleton.
        """
        return {}

    def _check_restored(self) -> None:
        """Raise where what a file says of the fitted attributes does not belong together."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the fitted estimator as a folder of JSON and arrays, for ``lowerbound.load``; all of it, or nothing."""
        save_estimator(self, path)


def save_estimator(estimator: SavableEstimator, path: str | os.PathLike[str]) -> None:
    """Save a fitted estimator as a folder of JSON and arrays; see ``persist.write_folder`` for the errors."""
    check_is_fitted(estimator)
    document, arrays = _describe(estimator, prefix="")
    write_folder(path, document, arrays)


def load_estimator(path: str | os.PathLike[str], *, class_named: ClassNamed) -> SavableEstimator:
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


def _describe(estimator: SavableEstimator, *, prefix: str) -> tuple[dict[str, Any], Arrays]:
    owner, skeletons = type(estimator).__name__, estimator._skeletons()
    arrays: Arrays = {}
    fitted: dict[str, Any] = {}
    hyperparameters: dict[str, Any] = {}
    for name, value in estimator.get_params(deep=False).items():
        if isinstance(value, SavableEstimator):
            hyperparameters[name] = {"estimator": _unfitted(value)}
        else:
            hyperparameters[name] = encode_value(value, owner=owner, name=name)
    for name, value in vars(estimator).items():
        if not name.endswith("_") or name.startswith("_"):
            continue
        match value:
            case _ if name in skeletons and value is not None:
                fitted[name] = {"kind": "pytree"}
                arrays |= _pytrees().named_leaves(value, prefix + name)
            case GaussianMixture():
                fitted[name] = {"kind": "density", "clustered": value.clustered, "event_shape": list(value.event_shape)}
                fitted[name]["variance_floor"] = value.components.variance_floor
                arrays |= {f"{prefix}{name}/{key}": array for key, array in arrays_of(value).items()}
            case Preprocessing():
                fitted[name] = {
                    "kind": "preprocessing",
                    "white_level": value.white_level,
                    "treatment": value.treatment,
                    "dtype": value.dtype,
                }
                arrays |= {f"{prefix}{name}/shift": value.shift, f"{prefix}{name}/scale": value.scale}
            case Status():
                fitted[name] = {"kind": "status", "code": value.code, "message": value.message}
            case dict() if all(isinstance(key, str) and isinstance(item, np.ndarray) for key, item in value.items()):
                fitted[name] = {"kind": "named arrays", "names": list(value)}
                arrays |= {f"{prefix}{name}/{key}": item for key, item in value.items()}
            case SavableEstimator():
                document, inner = _describe(value, prefix=f"{prefix}{name}/")
                fitted[name] = {"kind": "estimator", "document": document}
                arrays |= inner
            case np.ndarray() if value.dtype == object:
                fitted[name] = {"kind": "strings", "value": [str(item) for item in value]}
            case np.ndarray():
                fitted[name] = {"kind": "array"}
                arrays[prefix + name] = value
            case _ if "jax" in sys.modules and _pytrees().is_pytree(value):
                raise SavedModelError(
                    f"{name} of {owner} must be named in its _skeletons() to be saved, being a pytree of arrays; got "
                    f"{type(value).__name__}. Return {{{name!r}: a function of key that makes one of the same shapes}} there."
                )
            case _:
                fitted[name] = {"kind": "value", "value": encode_value(value, owner=owner, name=name)}
    return {"class": owner, "hyperparameters": hyperparameters, "fitted": fitted}, arrays


def _unfitted(estimator: SavableEstimator) -> dict[str, Any]:
    """Class and hyperparameters of a nested estimator; what it may have been fitted to is not part of it."""
    owner = type(estimator).__name__
    values = estimator.get_params(deep=False).items()
    return {
        "class": owner,
        "hyperparameters": {name: encode_value(value, owner=owner, name=name) for name, value in values},
        "fitted": {},
    }


def _restore(document: Mapping[str, Any], arrays: Arrays, *, prefix: str, class_named: ClassNamed) -> SavableEstimator:
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
    estimator._check_hyperparameters()
    pytrees = set()
    for name, saved in document["fitted"].items():
        if not name.endswith("_") or name.startswith("_"):
            raise SavedModelError(f"{name!r} is not the name of a fitted attribute")
        match saved["kind"]:
            case "pytree":
                pytrees.add(name)  # last: its skeleton needs the other attributes
            case "preprocessing":
                shape = tuple(decode_value(document["fitted"]["input_shape_"]["value"]))
                setattr(estimator, name, saved_preprocessing(saved, arrays, f"{prefix}{name}", event_shape=shape))
            case "density":
                setattr(estimator, name, saved_density(saved, arrays, f"{prefix}{name}"))
            case "status":
                setattr(estimator, name, Status(saved["code"], saved["message"]))
            case "named arrays":
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
    skeletons = estimator._skeletons()
    if not pytrees <= set(skeletons):
        raise SavedModelError(f"{', '.join(sorted(pytrees - set(skeletons)))} has no skeleton")
    for name in filter(pytrees.__contains__, skeletons):
        setattr(estimator, name, _pytrees().filled(_pytrees().declared(skeletons[name]), arrays, prefix + name))
    estimator._check_restored()
    return estimator


def _pytrees() -> Any:
    """The module for pytrees: loaded where there are some, since it needs JAX."""
    return import_module("lowerbound.interface.pytrees")
