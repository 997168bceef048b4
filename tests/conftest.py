"""What every test stands on: one device, and the folder of real data.

The jaxtyping hook with beartype, which checks shapes and types in every test and doctest, is an option of
pytest in `pyproject.toml`: it is in place before this file loads, and refuses to start where lowerbound is
already imported.
"""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

# Read when JAX first looks for devices, so before any test; the last of two equal flags wins.
flags = (os.environ.get("XLA_FLAGS", ""), "--xla_force_host_platform_device_count=1")
os.environ["XLA_FLAGS"] = " ".join(flags).strip()


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets: LOWERBOUND_DATA, default ../shared/data, from the repository."""
    folder = (REPOSITORY / os.environ.get("LOWERBOUND_DATA", "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"LOWERBOUND_DATA must name a folder of data sets; {folder} is absent")
    return folder
