"""Batches of factorizations one after the other: fits that hung, on the two threads that they hung on."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.nn.in_order import after

# Every row has holes of its own, so that each chunk of rows and each M-step factorizes many matrices. jaxlib takes as many
# threads as the process has processors.
PREAMBLE = """
import os
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
import numpy as np
from lowerbound import PPCA, FactorAnalysis, MixtureOfFactorAnalyzers
rng = np.random.default_rng(0)
def rows(n, d):
    X = rng.normal(size=(n, d)) + rng.normal(size=(n, 1))
    X[rng.random(X.shape) < 0.3] = np.nan
    return X
"""
FITS = {
    "two chunks": "PPCA(10, max_iter=30, tol=0.0).fit(rows(12_000, 20))",
    "three chunks": "FactorAnalysis(10, max_iter=20, tol=0.0).fit(rows(22_000, 20))",
    "clusters": "MixtureOfFactorAnalyzers(4, latent_dim=5, max_iter=30, tol=0.0, n_init=2, random_state=0).fit(rows(4000, 12))",
    "one cluster": "MixtureOfFactorAnalyzers(1, latent_dim=0, noise='full', max_iter=30, tol=0.0).fit(rows(3000, 12))",
    "answers": """
X = rows(3000, 12)
for options in ({"latent_dim": 4}, {"latent_dim": 0, "noise": "full"}):
    mixture = MixtureOfFactorAnalyzers(3, max_iter=5, random_state=0, **options).fit(X)
    for _ in range(5):
        mixture.transform(X), mixture.impute(X), mixture.impute(X, n_draws=2), mixture.imputation(X), mixture.score_samples(X)
""",
}


def test_values_come_through_unchanged():
    values, seen = np.array([0.5, -np.inf, np.nan]), np.array([True, False])
    for earlier in (np.zeros((2, 2)), -np.inf, np.array([3.0, np.nan])):
        found = jax.jit(after)((values, seen, None), jnp.asarray(earlier))
        np.testing.assert_array_equal(found[0], values.astype(np.float32))
        np.testing.assert_array_equal(found[1], seen)
        assert found[2] is None


@pytest.mark.parametrize("fit", FITS)
def test_many_factorizations_end(fit):
    code = "import warnings\nwarnings.simplefilter('ignore')\n" + PREAMBLE + FITS[fit] + "\nprint('done')"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ)
    )
    assert ended.stdout.strip().endswith("done"), ended.stderr
