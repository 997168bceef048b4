"""What every test stands on: one device, and the folder of real data.

The jaxtyping hook with beartype, which checks shapes and types in every test and doctest, is an option of
pytest in `pyproject.toml`: it is in place before this file loads, and refuses to start where lowerbound is
already imported.
"""

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import pytest
from xdist.scheduler import LoadScopeScheduling

REPOSITORY = Path(__file__).resolve().parents[1]

MOST_MAPS = 25_000  # after a file of tests; one file adds as many at most

# Read when JAX first looks for devices, so before any test; the last of two equal flags wins. Most of the suite's time is
# XLA's: it compiles three times faster without its fusion emitters and with LLVM at -O0. The numbers are the same to
# rounding: `make optimized` runs the tests of numbers as users compile.
flags = (
    "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0",
    os.environ.get("XLA_FLAGS", ""),
    "--xla_force_host_platform_device_count=1",
)
os.environ["XLA_FLAGS"] = " ".join(flags).strip()

# What one worker has compiled, the other need not compile again. The folder is the first process's, which removes it;
# workers inherit its name.
if "LOWERBOUND_TEST_CACHE" not in os.environ:
    os.environ["LOWERBOUND_TEST_CACHE"] = tempfile.mkdtemp(prefix="lowerbound-compiled-")
    atexit.register(shutil.rmtree, os.environ["LOWERBOUND_TEST_CACHE"], ignore_errors=True)
os.environ["LOWERBOUND_COMPILATION_CACHE"] = os.environ["LOWERBOUND_TEST_CACHE"]  # for the processes that tests start
jax.config.update("jax_compilation_cache_dir", os.environ["LOWERBOUND_TEST_CACHE"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)

# Mixed dtypes are an error: a float64 that appears unasked costs memory, a float32 costs digits.
jax.config.update("jax_numpy_dtype_promotion", "strict")


signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and tests press Ctrl-C


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets: LOWERBOUND_DATA, default ../shared/data, from the repository."""
    folder = (REPOSITORY / os.environ.get("LOWERBOUND_DATA", "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"LOWERBOUND_DATA must name a folder of data sets; {folder} is absent")
    return folder


@pytest.fixture(autouse=True, scope="module")
def few_memory_maps() -> Iterator[None]:
    """Forget compiled functions when there are many: each takes dozens of memory maps, and Linux kills beyond 65 530."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()


class ByPrograms(LoadScopeScheduling):
    """One worker for the tests of one contract entry or one file, so that no other traces the same programs again.

    pytest-xdist 3.8 has ``--dist loadgroup`` for this, which does nothing with pytest 9.2: it writes the group into
    ``item._nodeid``, which pytest no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        # Not above: pytest's hook for shapes and types has to come first.
        from tests.contracts.registry import ESTIMATORS

        path, _, test = nodeid.partition("::")
        named = [part for part in test.partition("[")[2].rstrip("]").split("-") if part in ESTIMATORS]
        return named[0] if named else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByPrograms | None:
    return ByPrograms(config, log) if config.getvalue("dist") == "load" else None
