"""``lowerbound --module NAME``: estimators of the user's own, from a file or an importable module that calls ``register``.

A module is imported because the user names it, never because a saved model does.
"""

import importlib.util
import sys
from importlib import import_module
from pathlib import Path

from lowerbound.estimators.registry import registrations


def import_named(text: str) -> None:
    """Import the file or module, which registers its estimators.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is none, or it registers nothing. What goes wrong inside it is raised as it is.
    """
    before = registrations()
    name = _import_file(Path(text)) if text.endswith(".py") else _import_name(text)
    if not any(line not in before or f"{line.home}.".startswith(f"{name}.") for line in registrations()):
        raise ValueError(
            f"--module must register an estimator; {text} registers none. Call lowerbound.register(YourEstimator, "
            'command="your_name") in it.'
        )


def _import_file(file: Path) -> str:
    if not file.is_file():
        raise FileNotFoundError(
            f"--module must be a file or an importable module; there is no file {file}. Check the path."
        )
    name = file.stem
    known = sys.modules.get(name)
    if known is not None:
        origin = getattr(known, "__file__", None)
        if origin is None or Path(origin).resolve() != file.resolve():
            raise ValueError(f"--module must have a name of its own; {name} is another module. Rename {file}.")
        return name
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.append(str(file.resolve().parent))  # for the files beside it
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return name


def _import_name(name: str) -> str:
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise ValueError(
            f"--module must be a file or an importable module; there is no module {error.name!r}. Give the path of its .py file."
        ) from error
    return name
