"""Figures as files: written beside their target and renamed, so that a target is never a part of a picture."""

import os
from pathlib import Path

from matplotlib.figure import Figure

from lowerbound.data.files import replacing

PICTURES = (".png", ".pdf", ".svg")


def write_figure(path: str | os.PathLike[str], figure: Figure) -> None:
    """Write a figure; the extension chooses the format, and a file of that name is replaced.

    Parameters
    ----------
    path
        A .png (200 dots per inch), .pdf or .svg file in a folder that exists.
    figure
        What to draw.

    Raises
    ------
    ValueError
        For another extension.
    OSError
        If the file cannot be written; nothing is left behind.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_figure(Path(folder) / "empty.png", Figure())
    ...     [file.name for file in Path(folder).iterdir()]
    ['empty.png']
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in PICTURES:
        raise ValueError(f"extension of {target} must be one of {', '.join(PICTURES)}; got {kind!r}. Rename it.")
    with replacing(target) as stream:
        figure.savefig(stream, format=kind[1:], dpi=200)
