"""Files of the command line: the arguments DATA, MODEL and LABELS, and places for output, checked before long work starts.

DATA is a file (``rows.csv``, ``archive.npz:name``) or, where it has no extension and is no file, a name in the catalogue. A name
in the catalogue stands for its training rows in ``fit`` and for its test rows everywhere else; ``--split`` says otherwise.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from lowerbound.cli import console
from lowerbound.data.catalog import load_named
from lowerbound.data.files import WRITABLE, read_array, read_table, replacing, split_name
from lowerbound.data.tables import TABLES

Split = Literal["train", "test"]


def header_option(panel: str | None = None) -> Any:
    """The option --header/--no-header, in a panel of a command's help."""
    about = "Whether the first row of a text table holds names."
    return typer.Option("--header/--no-header", help=about, show_default="found out", rich_help_panel=panel)


def encoding_option(panel: str | None = None) -> Any:
    """The option --encoding, in a panel of a command's help."""
    about = "Encoding of a text table, such as latin-1."
    return typer.Option("--encoding", help=about, show_default="UTF-8", rich_help_panel=panel)


Header = Annotated[bool | None, header_option()]
Encoding = Annotated[str | None, encoding_option()]


def read_rows(
    text: str, *, split: Split | None, default: Split, header: bool | None = None, encoding: str | None = None
) -> Any:
    """The rows that DATA stands for: an array, or a data frame where the file has column names.

    Parameters
    ----------
    text
        DATA as the user wrote it.
    split
        The part of a named data set; None where the user did not say.
    default
        What None stands for.
    header, encoding
        As in ``data.tables.read_table``. What was in doubt is said.

    Raises
    ------
    ValueError, OSError
        As the readers; also for ``split`` with a file, and for arrays of fewer than two dimensions.
    """
    file, name = split_name(text)
    if not file.suffix and not file.exists():
        named = load_named(text)
        return named.x_test if (split or default) == "test" else named.x_train
    if split is not None:
        raise ValueError(f"--split must go with a name in the catalogue; got the file {file}. Leave it out.")
    if is_table(file) and name is None:
        from pandas import DataFrame

        table = read_table(file, header=header, encoding=encoding)
        if table.note:
            console.say_aside(table.note)
        return DataFrame(table.values, columns=list(table.columns))
    array = read_array(file, name=name)
    if array.ndim < 2:
        raise ValueError(
            f"array in {text} must have rows of cells, (n, features) or (n, height, width); got shape {array.shape}. "
            "Name another one."
        )
    return array


def read_labels(text: str | None, *, data: str, split: Split | None, default: Split) -> np.ndarray | None:
    """One label for each row of DATA: from a file or a name in the catalogue; None takes DATA's own, where it has some.

    Parameters
    ----------
    text
        LABELS as the user wrote it: ``labels.npy``, ``archive.npz:y``, a table of one column with its name above, or a name in
        the catalogue, whose labels of the same part are taken; None where the user wrote none.
    data
        DATA as the user wrote it.
    split, default
        As in :func:`read_rows`.

    Raises
    ------
    ValueError, OSError
        As the readers; also for a table of several columns, and for a set in the catalogue that has no labels.
    """
    file, name = split_name(data if text is None else text)
    named = not file.suffix and not file.exists()
    if text is None and not named:
        return None
    if named:
        found = load_named(str(file))
        labels = found.y_test if (split or default) == "test" else found.y_train
        if labels is None and text is not None:
            raise ValueError(f"--labels must have labels; the data set {text} has none. Name a file of them.")
        return labels
    if is_table(file):
        return _column(file)
    return read_array(file, name=name)


def _column(file: Path) -> np.ndarray:
    """The one column of a table, of numbers or of text."""
    check_readable(file)
    import pandas

    try:
        text, separator = file.suffix.lower() != ".parquet", "\t" if file.suffix.lower() == ".tsv" else ","
        frame = pandas.read_csv(file, sep=separator) if text else pandas.read_parquet(file)
    except (ValueError, OSError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise ValueError(f"--labels must be a table of one column; {file} cannot be read: {reason}") from error
    if frame.shape[1] != 1:
        raise ValueError(
            f"--labels must be a table of one column with its name above; {file} has {frame.shape[1]}. Keep the labels only."
        )
    return frame.iloc[:, 0].to_numpy()


def check_readable(file: Path) -> None:
    """Raise unless there is a file of that name."""
    if not file.is_file():
        raise FileNotFoundError(f"file {file} must exist; got none. Check the spelling and folder.")


def write_columns(file: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Write a .csv or .parquet table whose columns keep types of their own; the file is replaced when all of it is on disk."""
    from pandas import DataFrame

    frame = DataFrame(dict(columns))
    with replacing(file) as stream:
        if file.suffix.lower() == ".csv":
            frame.to_csv(stream, index=False, mode="wb")
        else:
            frame.to_parquet(stream, engine="pyarrow", index=False)


def read_model(path: Path, *, unwrap: bool = True) -> Any:
    """The saved estimator; of an outlier detector, the estimator inside unless ``unwrap`` is False."""
    from lowerbound import load
    from lowerbound.estimators.outlier_detector import unwrapped

    model = load(path)
    return unwrapped(model) if unwrap else model


def check_new_model(path: Path, *, overwrite: bool) -> None:
    """Raise unless a model can be saved at ``path``: in a writable place that is new, or a saved model to be replaced."""
    if path.exists():
        if not (path / "model.json").is_file():
            raise ValueError(f"--out must be new or a saved model; {path} is something else. Choose another.")
        if not overwrite:
            raise ValueError(f"--out must be new; {path} is a saved model. Add --overwrite to replace it.")
    parent = path.absolute().parent
    while not parent.exists():  # the missing folders above are made by the save
        parent = parent.parent
    _check_folder(parent, path, option="--out")


def check_new_file(path: Path, *, overwrite: bool, option: str = "--out", kinds: Sequence[str] = WRITABLE) -> None:
    """Raise unless a file can be written at ``path``: a known extension, a writable folder, nothing of that name."""
    if path.suffix.lower() not in kinds:
        raise ValueError(
            f"{option} must end in one of {', '.join(kinds)}; got {path}. The extension chooses the format."
        )
    if path.is_dir():
        raise ValueError(f"{option} must be a file; {path} is a folder. Name a file in it.")
    if path.exists() and not overwrite:
        raise ValueError(f"{option} must be new; {path} exists. Add --overwrite to replace it.")
    parent = path.absolute().parent
    if not parent.exists():
        raise ValueError(f"{option} must be in a folder that exists; {parent} does not. Make it first.")
    _check_folder(parent, path, option=option)


def check_new_picture(path: Path, *, overwrite: bool) -> None:
    """Raise unless --picture can be written at ``path``."""
    from lowerbound.plots.figure_file import PICTURES

    check_new_file(path, overwrite=overwrite, option="--picture", kinds=PICTURES)


def is_table(file: Path) -> bool:
    """Whether the file is a table by its extension."""
    return file.suffix.lower() in TABLES


def check_no_table(file: Path, shape: tuple[int, ...], *, option: str = "--out") -> None:
    """Raise if the file is a table and rows of this shape are images."""
    if len(shape) > 1 and is_table(file):
        raise ValueError(
            f"{option} must be a .npy or .npz file for rows of shape {shape}; got {file}. Tables hold columns."
        )


def check_images(shape: tuple[int, ...]) -> None:
    """Raise unless rows of this shape can be shown by --picture."""
    from lowerbound.findings.cells import are_images

    if not are_images(shape):
        raise ValueError(
            "--picture must go with images, (height, width) or (height, width, 1 or 3 channels); rows of this model have shape "
            f"{shape}. Leave it out."
        )


def _check_folder(folder: Path, path: Path, *, option: str) -> None:
    if not folder.is_dir():
        raise ValueError(f"{option} must be in a folder; {folder}, above {path}, is a file. Choose another place.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{option} must be in a writable folder; {folder} is not. Choose another, or ask its owner.")
