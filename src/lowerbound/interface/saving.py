"""Saving and loading estimators: fitted attributes by kind, pytrees as arrays by path, classes by name from a list.

    save:  hyperparameters and every attribute that ends in "_"  ->  (document, arrays)  ->  persist.write_folder
    load:  persist.read_folder  ->  class by name, hyperparameters  ->  attributes  ->  skeletons of pytrees, filled with arrays

Nothing in a file is executed or unpickled: class names are looked up among those that the caller knows. The structure of a pytree
(a model, local state of the rows) comes from the class and its hyperparameters, never from the file: an estimator names such
attributes in ``_skeletons``. Leaves that are no arrays, such as functions, are structure.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from lowerbound.data.preprocessing import Preprocessing
from lowerbound.fit.result import Status
from lowerbound.interface.hyperparameters import check_choices
from lowerbound.persist import SavedModelError, decode_value, encode_value, read_folder, write_folder

Arrays = dict[str, np.ndarray]
_GENERATORS = ("threefry2x32", "rbg", "unsafe_rbg")

ClassNamed = Callable[[str], type["SavableEstimator"] | None]
"""Function from the name of a class to the class, or None."""


class UnknownClassError(SavedModelError):
    """A saved model is of a class that the caller does not know."""


class SavableEstimator(BaseEstimator):
    """Base of every estimator that can be saved and loaded."""

    def _check_hyperparameters(self) -> None:
        """Raise one clear ValueError for the first hyperparameter that is out of its range; choices are, here."""
        check_choices(self)

    def _skeletons(self) -> Mapping[str, Callable[..., PyTree]]:
        """Fitted attributes that are pytrees of arrays -> functions of ``key`` that make a pytree of that structure.

        ``load`` evaluates them in this order, for shapes alone, when all other attributes are in place: a function may read
        those, and pytrees named before its own. An attribute that is None needs no skeleton.
        """
        return {}

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
            case eqx.Module() | dict() | jax.Array():
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
                shift, scale = arrays[f"{prefix}{name}/.shift"], arrays[f"{prefix}{name}/.scale"]
                if not shift.shape == scale.shape == tuple(decode_value(document["fitted"]["input_shape_"]["value"])):
                    raise SavedModelError(f"the arrays of {name} are not of the shape of a row")
                found = Preprocessing(shift, scale, saved["white_level"], saved["treatment"], saved["dtype"])
                setattr(estimator, name, found)
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
        setattr(estimator, name, _filled(_declared(skeletons[name]), arrays, prefix + name))
    return estimator


def _path_name(prefix: str, path: tuple[Any, ...]) -> str:
    return f"{prefix}/{jax.tree_util.keystr(path)}"


def _named_leaves(tree: PyTree, prefix: str) -> Arrays:
    """Every array of a pytree, named by its path; random keys as their numbers."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, eqx.is_array))
    return {
        _path_name(prefix, path): np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        for path, leaf in leaves
    }


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _declared(skeleton: Callable[..., PyTree]) -> PyTree:
    """The pytree that the function makes, with shapes in place of JAX's arrays, which are not computed."""
    rest = []

    def of_jax(key: PRNGKeyArray) -> PyTree:
        traced, other = eqx.partition(skeleton(key=key), lambda leaf: isinstance(leaf, jax.Array))
        rest.append(other)  # NumPy's arrays among it, which say float64 where they mean it
        return traced

    shapes = eqx.filter_eval_shape(of_jax, jax.random.key(0))
    return eqx.combine(shapes, *rest)


def _filled(skeleton: PyTree, arrays: Arrays, prefix: str) -> PyTree:
    """The skeleton with the saved arrays in place of its own, each checked; a NumPy array in place of one."""

    def leaf(path: tuple[Any, ...], declared: Any) -> Any:
        if not isinstance(declared, jax.ShapeDtypeStruct | np.ndarray | np.generic):
            return declared
        name = _path_name(prefix, path)
        found, is_key = arrays[name], _is_key(declared)
        shape = jax.eval_shape(jax.random.key_data, declared) if is_key else declared
        if found.shape != shape.shape or found.dtype != shape.dtype:
            raise SavedModelError(
                f"array {name} should be {shape.dtype}{list(shape.shape)} but is {found.dtype}{list(found.shape)}"
            )
        if is_key:
            return jax.random.wrap_key_data(jnp.asarray(found), impl=_implementation(declared))
        return jnp.asarray(found) if isinstance(declared, jax.ShapeDtypeStruct) else found

    return jax.tree_util.tree_map_with_path(leaf, skeleton)


def _implementation(key: Any) -> str:
    """Name of the random generator of a key, which JAX tells of keys with numbers only."""
    return next(name for name in _GENERATORS if jax.random.key(0, impl=name).dtype == key.dtype)
