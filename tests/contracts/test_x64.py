"""A user who has switched JAX to 64 bits gets the same float32 (or float64) models, and no error."""

import subprocess
import sys

CODE = """
import jax, numpy as np
from lowerbound import PPCA, VAE, Autoencoder, LinearAutoencoder
assert jax.config.jax_enable_x64
X = np.random.default_rng(0).normal(size=(60, 3))
for estimator in (
    VAE(hidden=(8,), max_epochs=2, random_state=0),
    VAE(hidden=(8,), max_epochs=2, random_state=0, objective="importance_weighted", posterior_covariance="full"),
    VAE(hidden=(8,), max_epochs=2, random_state=0, likelihood="bernoulli", binarize="dynamic"),
    Autoencoder(hidden=(8,), max_epochs=2, random_state=0),
):
    rows = 1 / (1 + np.exp(-X))
    estimator.fit(rows)
    assert estimator.transform(rows).dtype == np.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(estimator.model_)} == {np.dtype("float32")}
    if hasattr(estimator, "sample"):
        estimator.sample(3), estimator.elbo(rows)
assert LinearAutoencoder().fit(X).transform(X).dtype == np.float32
holes = np.where(X > 1, np.nan, X)
ppca = PPCA(1).fit(holes)
assert ppca.transform(holes).dtype == ppca.impute(holes).dtype == ppca.sample(3).dtype == np.float64
assert {(type(leaf), leaf.dtype) for leaf in jax.tree.leaves(ppca.model_)} == {(np.ndarray, np.dtype("float64"))}
"""


def test_fits_and_verbs_work_with_64_bits_enabled() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "import os; os.environ['JAX_ENABLE_X64'] = '1'\n" + CODE],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
