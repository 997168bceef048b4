"""Factorizations against NumPy's; batches of them one after another: fits that hung, on the two threads that they hung on."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np

from lowerbound.nn.linear_algebra import (
    cholesky_with_floor,
    map_in_turn,
    rayleigh_ritz,
    solve_positive_definite,
    times_cholesky,
    whiten,
    whiten_by_cholesky,
)

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
    for _ in range(2):
        mixture.transform(X), mixture.impute(X), mixture.impute(X, n_draws=2), mixture.imputation(X), mixture.score_samples(X)
""",
}


RNG = np.random.default_rng(0)
ROOTS = RNG.normal(size=(2, 3, 4, 6))
MATRICES = ROOTS @ np.swapaxes(ROOTS, -1, -2)  # (2, 3, 4, 4), positive definite
EXACT = {"rtol": 1e-10, "atol": 1e-12}


def test_whitening_is_the_inverse_of_the_cholesky_factor():
    with jax.enable_x64(True):
        for found in (whiten(jnp.asarray(MATRICES)), whiten_by_cholesky(jnp.linalg.cholesky(MATRICES))):
            np.testing.assert_allclose(found.matrix, np.linalg.inv(np.linalg.cholesky(MATRICES)), **EXACT)
            np.testing.assert_allclose(found.inverse, np.linalg.inv(MATRICES), **EXACT)
            np.testing.assert_allclose(found.log_determinant, np.linalg.slogdet(MATRICES)[1], **EXACT)


def test_solves_are_those_of_the_inverse():
    right = RNG.normal(size=(2, 3, 4, 2))
    with jax.enable_x64(True):
        found = solve_positive_definite(jnp.asarray(MATRICES), jnp.asarray(right))
    np.testing.assert_allclose(found, np.linalg.inv(MATRICES) @ right, **EXACT)


def test_a_product_with_the_cholesky_factor():
    left = RNG.normal(size=(2, 3, 5, 4))
    with jax.enable_x64(True):
        found = jax.jit(times_cholesky)(left, MATRICES)
        np.testing.assert_allclose(found, left @ np.linalg.cholesky(MATRICES), **EXACT)
        assert times_cholesky(jnp.zeros((5, 0)), jnp.zeros((0, 0))).shape == (5, 0)


def test_eigenvalues_below_the_floor_are_raised_to_it_and_others_kept():
    symmetric = RNG.normal(size=(3, 5, 5))
    symmetric = symmetric + np.swapaxes(symmetric, -1, -2)
    with jax.enable_x64(True):
        root = np.asarray(cholesky_with_floor(jnp.asarray(symmetric), floor=0.7))
    np.testing.assert_array_equal(root, np.tril(root))
    values, vectors = np.linalg.eigh(symmetric)
    raised = (vectors * np.maximum(values, 0.7)[:, None, :]) @ np.swapaxes(vectors, -1, -2)
    np.testing.assert_allclose(root @ np.swapaxes(root, -1, -2), raised, **EXACT)


def test_ritz_pairs_of_an_invariant_space_are_eigenpairs():
    values, vectors = np.linalg.eigh(MATRICES[0, 0])
    span = vectors[:, [0, 3, 1]] @ RNG.normal(size=(3, 3))
    with jax.enable_x64(True):
        found = rayleigh_ritz(lambda columns: MATRICES[0, 0] @ columns, jnp.asarray(span), n_pairs=2)
        pairs, images = np.asarray(found.vectors), np.asarray(found.images)
    np.testing.assert_allclose(found.values, values[[3, 1]], **EXACT)
    np.testing.assert_allclose(np.abs(pairs.T @ vectors[:, [3, 1]]), np.eye(2), **EXACT)
    np.testing.assert_allclose(images, MATRICES[0, 0] @ pairs, **EXACT)


def test_a_map_in_turn_is_a_map():
    items = np.array([0.5, -np.inf, np.nan])
    for earlier in (np.zeros((2, 2)), np.array(-np.inf), np.array([3.0, np.nan]), np.zeros(0)):
        found = jax.jit(lambda x, y: map_in_turn(lambda one: 2 * one, x, after=y))(items, jnp.asarray(earlier))
        np.testing.assert_array_equal(found, (2 * items).astype(np.float32))


def test_many_factorizations_end():
    fits = "".join(f"{fit}\nprint({name!r}, flush=True)\n" for name, fit in FITS.items())
    code = "import warnings\nwarnings.simplefilter('ignore')\n" + PREAMBLE + fits
    ended = subprocess.run(  # a hang shows as a timeout, whose output names the fits that ended
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False, env=dict(os.environ)
    )
    assert ended.stdout.splitlines() == list(FITS), ended.stderr
