"""The example of a stranger's model: its prior against SciPy, its bound against its evidence, and each way of using it."""

import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

import lowerbound
from tests.contracts.registry import OWN_MODEL, VampVAE, reals

own_model = sys.modules["own_model"]
RNG = np.random.default_rng(0)
MEANS, SCALES = RNG.normal(size=(4, 3)), np.exp(0.5 * RNG.normal(size=(4, 3)))


def prior():
    return own_model.DiagonalGaussianMixture(jnp.asarray(MEANS, jnp.float32), jnp.asarray(np.log(SCALES), jnp.float32))


def test_the_log_density_of_the_mixture_is_scipys_and_the_sum_of_its_conditionals():
    z = np.random.default_rng(1).normal(size=3) * 2
    expected = logsumexp(norm(MEANS, SCALES).logpdf(z).sum(axis=1)) - np.log(4)
    np.testing.assert_allclose(prior().log_prob(jnp.asarray(z, jnp.float32)), expected, rtol=1e-5)
    first = logsumexp(norm(MEANS[:, 0], SCALES[:, 0]).logpdf(z[0])) - np.log(4)
    np.testing.assert_allclose(prior().log_prob_by_dimension(jnp.asarray(z, jnp.float32))[0], first, rtol=1e-5)


def test_draws_of_the_mixture_have_its_moments():
    draws = np.asarray(jax.vmap(lambda key: prior().sample(key=key))(jax.random.split(jax.random.key(0), 20_000)))
    mean, variance = map(np.asarray, prior().moments())
    z_scores = (draws.mean(axis=0) - mean) / np.sqrt(variance / len(draws))
    assert np.abs(z_scores).max() < 4
    np.testing.assert_allclose(draws.var(axis=0), variance, rtol=0.05)


@pytest.mark.filterwarnings("ignore::lowerbound.EvidenceWarning")  # a lower bound is all that is needed
def test_the_bound_is_below_the_evidence_and_health_knows_the_prior():
    X = reals(300)
    vamp = VampVAE(n_pseudo_inputs=5, hidden=(16,), max_epochs=60, learning_rate=0.01, random_state=0).fit(X)
    evidence = vamp.log_evidence(X, n_samples=2000)
    assert vamp.elbo(X).mean() < evidence.value
    found = vamp.health(X)
    assert not found.standard_prior
    mean, variance = vamp.model_.prior_moments()
    np.testing.assert_allclose(found.prior_mean, mean, rtol=1e-5)
    np.testing.assert_allclose(found.prior_variance, variance, rtol=1e-5)
    assert (
        found.aggregate_variance / found.prior_variance
    ).min() > 0.3  # the VampPrior is near the aggregate posterior


def test_a_row_without_cells_has_the_learned_prior():
    X = reals(200)
    X[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    vamp = VampVAE(n_pseudo_inputs=5, hidden=(16,), max_epochs=20, learning_rate=0.01, random_state=0).fit(X)
    empty = np.full((2, X.shape[1]), np.nan)
    mean, variance = map(np.asarray, vamp.model_.prior_moments())
    assert np.abs(mean).max() > 0.05  # other than that of N(0, I)
    evidence = vamp.log_evidence(empty)
    for zeros in (evidence.per_row, evidence.per_row_standard_error, evidence.pareto_k, vamp.elbo(empty)):
        np.testing.assert_array_equal(zeros, 0)
    np.testing.assert_array_equal(vamp.score_samples(empty), 0)
    np.testing.assert_array_equal(vamp.outlier_scores(empty), 0)
    np.testing.assert_allclose(vamp.transform(empty)[0], mean, rtol=1e-5)
    np.testing.assert_allclose(vamp.posterior(empty).scale[0] ** 2, variance, rtol=1e-5)
    # Draws are the prior's, which has several heaps, and not those of one Gaussian.
    z = vamp.sample_posterior(empty, 5000)[0].astype(np.float64)
    assert np.abs((z.mean(axis=0) - mean) / np.sqrt(variance / 5000)).max() < 4.5
    log_density = jax.vmap(vamp.model_.prior.log_prob)
    expected = np.asarray(
        log_density(jax.vmap(lambda k: vamp.model_.prior.sample(key=k))(jax.random.split(jax.random.key(3), 5000)))
    )
    gap = np.asarray(log_density(jnp.asarray(z, jnp.float32))).mean() - expected.mean()
    assert abs(gap) < 4.5 * expected.std() * np.sqrt(2 / 5000)
    # Cells without a row are filled by the model's own means.
    sampled = vamp.sample(20_000)
    assert np.abs((vamp.impute(empty)[0] - sampled.mean(axis=0)) / sampled.std(axis=0)).max() < 0.15


def test_it_is_saved_loaded_compared_and_reported_like_any_other(tmp_path: Path):
    X = reals(80)
    vamp = VampVAE(n_pseudo_inputs=2, hidden=(8,), max_epochs=5, random_state=0).fit(X)
    vamp.save(tmp_path / "vamp")
    again = lowerbound.load(tmp_path / "vamp")
    assert type(again) is VampVAE
    np.testing.assert_array_equal(again.transform(X), vamp.transform(X))
    ppca = lowerbound.PPCA(1).fit(X)
    with pytest.warns(lowerbound.EvidenceWarning):  # five epochs
        comparison = lowerbound.compare([vamp, ppca], X, n_samples=200)
    assert [entry.name for entry in comparison] == ["VampVAE(2)", "PPCA(1)"]
    lowerbound.report.write_report(vamp, X, tmp_path / "vamp.html")
    page = (tmp_path / "vamp.html").read_text(encoding="utf-8")
    assert "The circles are the prior" not in page  # they would be those of N(0, I)
    assert f"{vamp.health(X).active_units} of 2 latent dimensions vary from row to row" in page
    detector = lowerbound.OutlierDetector(vamp, contamination=0.1).fit(X)
    assert (detector.predict(X) == -1).sum() == 8


def test_a_file_named_on_the_command_line_is_enough(tmp_path: Path):
    shutil.copy(OWN_MODEL, tmp_path / "own_model.py")
    np.save(tmp_path / "x.npy", reals(60))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lowerbound", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    options = ("--hidden", "8", "--max-epochs", "2", "--n-pseudo-inputs", "2", "--quiet")
    fitted = run("--module", "own_model.py", "fit", "vamp_vae", "x.npy", "--out", "vamp", *options)
    assert fitted.returncode == 0, fitted.stderr
    evaluated = run("--module", "own_model.py", "evaluate", "vamp", "x.npy", "--samples", "50")
    assert evaluated.returncode == 0, evaluated.stderr
    assert "log p(x)" in evaluated.stdout
    unknown = run("evaluate", "vamp", "x.npy")  # a saved model names no code to be run
    assert unknown.returncode == 2
    assert "VampVAE" in unknown.stderr
    assert "--module" in unknown.stderr
