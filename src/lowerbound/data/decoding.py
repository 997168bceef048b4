"""Decoding of files: whatever is wrong with the bytes of a file gives one error that names the file.

A missing, empty, unreadable, truncated or damaged file makes NumPy, zlib and pyarrow raise a dozen types of
error, few of which say which file it was. The two context managers here stand around them all: `opened` for the
file as a whole, `decoding` for the meaning of its bytes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def opened(file: Path) -> BinaryIO:
    """The bytes of a file that is there, may be read and is not empty."""
    try:
        if os.path.isfile(file) and os.path.getsize(file) == 0:
            raise ValueError(f"file {file} must not be empty; got 0 bytes. Copy or download it again.")
        return open(file, "rb")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"file {file} must exist; got none. Check the spelling and folder.") from error
    except OSError as error:
        if os.path.isdir(file):
            raise IsADirectoryError(f"{file} must be a file; got a folder. Name a file in it.") from error
        raise OSError(f"file {file} must be readable; got: {error.strerror}. Check permissions.") from error


def expect_start(file: Path, stream: BinaryIO, start: bytes, *, kind: str) -> None:
    """Refuse a file of another format by its first bytes, before a decoder guesses."""
    found = stream.read(len(start))
    stream.seek(0)
    if found != start:
        raise ValueError(
            f"file {file} must be a complete {kind} file; got one that starts with {found!r}. "
            "It is truncated, or of another format."
        )


@contextmanager
def decoding(file: Path, *, kind: str) -> Iterator[None]:
    """One error, of one line, for whatever a decoder of format `kind` raises on damaged bytes."""
    try:
        yield
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "")[:200]
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(f"file {file} must be readable; got: {error.strerror}. Check the disk.") from error
        if isinstance(error, MemoryError):
            raise ValueError(f"file {file} must fit in memory; got {reason}. Read an .npy by memory_map.") from error
        if "Object arrays" in reason or "Python objects in dtype" in reason:
            raise ValueError(
                f"file {file} must hold numbers; got pickled Python objects, which are never loaded. "
                "Save a numeric array, with NaN for what is missing."
            ) from error
        raise ValueError(
            f"file {file} must be a complete {kind} file; got truncated or damaged bytes "
            f"({type(error).__name__}: {reason}). Copy or download it again."
        ) from error
