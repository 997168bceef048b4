"""The persistent compilation cache: what one process has compiled, the next one reads from a folder of the user's.

The cache is JAX's own. This file says where it lies, ``lowerbound/jax-<version>`` in the user's cache directory, and when it is
left out: a cache is a convenience, and whatever is wrong with its folder must neither stop a fit nor be talked about. What is
read from there is run, so that a folder that others own or may write to is not used.

``LOWERBOUND_COMPILATION_CACHE`` is "off" for no cache, or another folder. A ``jax_compilation_cache_dir`` of the user's own is
left alone.
"""

import os
import stat
import warnings
from pathlib import Path
from typing import Any, Final

import jax
from jaxlib.version import __version__ as jaxlib_version

VARIABLE: Final = "LOWERBOUND_COMPILATION_CACHE"

LARGEST_BYTES: Final = 512 * 2**20
"""Beyond this size the entries written first are removed, when a process starts, down to half of it."""

_JAX_DEFAULT = 1.0  # seconds that a compilation must take to be kept
_SHORTEST_COMPILATION = 0.1  # seconds; quicker ones cost less than their file
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def use_compilation_cache() -> Path | None:
    """Have JAX keep what it compiles from now on, unless the user decided otherwise; the folder, or None for no cache."""
    settings: Any = jax.config  # which has no types
    if settings.jax_compilation_cache_dir is not None or not settings.jax_enable_compilation_cache:
        return None
    folder = cache_folder()
    if folder is None or not _made_private(folder):
        return None
    _bound(folder)
    settings.update("jax_compilation_cache_dir", str(folder))
    if settings.jax_persistent_cache_min_compile_time_secs == _JAX_DEFAULT:  # else the user's own
        settings.update("jax_persistent_cache_min_compile_time_secs", _SHORTEST_COMPILATION)
    # A damaged entry, a full disk: JAX compiles as without a cache, and that is all there is to say.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry", UserWarning)
    return folder


def cache_folder() -> Path | None:
    """Folder of the cache by the environment; None where it is switched off, or there is no place for it."""
    asked = os.environ.get(VARIABLE, "")
    if asked.strip().lower() == "off":
        return None
    if asked:
        return Path(asked).expanduser().absolute()
    home = os.environ.get("XDG_CACHE_HOME", "")
    try:
        base = Path(home) if os.path.isabs(home) else Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        return None
    return base / "lowerbound" / f"jax-{jax.__version__}-jaxlib-{jaxlib_version}"


def _made_private(folder: Path) -> bool:
    """Whether there is such a folder now, which only this user owns and may write to, and can."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)
        found = folder.stat()
    except OSError:
        return False
    owned = os.name != "posix" or (found.st_uid == os.getuid() and not found.st_mode & _WRITABLE_BY_OTHERS)
    return owned and os.access(folder, os.R_OK | os.W_OK | os.X_OK)


def _bound(folder: Path) -> None:
    """Remove the oldest entries of a folder that has grown too large."""
    try:
        entries = sorted((entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in os.scandir(folder))
        size = sum(entry[1] for entry in entries)
        target = size if size <= LARGEST_BYTES else LARGEST_BYTES // 2
        for _, freed, path in entries:
            if size <= target:
                break
            os.unlink(path)
            size -= freed
    except OSError:
        return  # another process is at it
