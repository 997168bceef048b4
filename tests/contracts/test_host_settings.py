"""A program that runs JAX under its strictest settings fits and asks every kind of model, and finds its settings as they were."""

import subprocess
import sys

CODE = """
import jax, numpy as np, warnings
SETTINGS = {
    "jax_numpy_rank_promotion": "raise",
    "jax_numpy_dtype_promotion": "strict",
    "jax_debug_infs": True,
    "jax_debug_nans": True,
}
for name, value in SETTINGS.items():
    jax.config.update(name, value)
warnings.simplefilter("ignore")
from lowerbound import PPCA, VAE, FactorAnalysis, MixtureOfFactorAnalyzers, load
X = np.random.default_rng(0).normal(size=(40, 3))
X[::5, 1] = np.nan
codes = np.random.default_rng(0).integers(0, 3, (40, 3))
small = {"hidden": (4,), "max_epochs": 2, "random_state": 0}
for estimator, rows in (
    (PPCA(1), X),
    (FactorAnalysis(1), X[:, [0, 2]]),
    (MixtureOfFactorAnalyzers(2, latent_dim=0, noise="full", n_init=2), X),
    (VAE(1, **small), X),
    (VAE(1, likelihood="categorical", **small), codes),
):
    estimator.fit(rows)
    estimator.reconstruct(rows), estimator.score_samples(rows), estimator.elbo(rows), estimator.outlier_scores(rows)
    estimator.sample(3), estimator.sample_posterior(rows, 2), estimator.impute(rows), estimator.imputation(rows)
    if hasattr(estimator, "health"):
        estimator.health(rows)
import tempfile
with tempfile.TemporaryDirectory() as folder:
    estimator.save(folder + "/vae")
    load(folder + "/vae").transform(codes)
assert {name: getattr(jax.config, name) for name in SETTINGS} == SETTINGS
print("held")
"""


def test_fits_and_verbs_hold_under_strict_settings():
    ran = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, timeout=300)
    assert (ran.returncode, ran.stdout.strip()) == (0, "held"), ran.stderr
