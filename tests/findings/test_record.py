"""The record holds what the estimator's own verbs say, and turns into plain values without loss."""

import dataclasses
import json
import math
import warnings

import numpy as np
import pytest
from pandas import DataFrame

from lowerbound import PPCA, VAE, Autoencoder, EvidenceWarning, MixtureOfFactorAnalyzers
from lowerbound.findings.plain import plain_findings
from lowerbound.findings.record import find


def test_numbers_are_those_of_the_verbs(table_vae: VAE, table: DataFrame):
    found = find(table_vae, table, n_samples=50)
    density = found.density
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)
        evidence = table_vae.log_evidence(table, n_samples=50)
    assert density.log_evidence == evidence.value
    assert density.standard_error == evidence.standard_error
    assert density.sampling_error == evidence.sampling_error
    assert density.share_of_untrusted_rows == np.mean(evidence.pareto_k > 0.7)
    assert density.elbo == pytest.approx(table_vae.elbo(table).mean())
    scores = table_vae.outlier_scores(table, method="reconstruction")
    assert found.reconstruction.log_likelihood_at_code == pytest.approx(-scores.mean())
    assert found.health.healthy == table_vae.health(table).ok
    assert list(found.health.kl_per_dimension) == table_vae.health(table).kl_per_dimension.tolist()
    assert density.kl == pytest.approx(table_vae.health(table).kl_per_dimension.sum())
    assert density.bits_per_dimension is None
    assert (found.estimator, found.latent_dim, found.n_rows, found.n_cells) == ("VAE", 2, 60, 3)
    assert found.n_parameters == table_vae.n_parameters_
    assert [column.name for column in found.columns] == list(table.columns)
    assert found.ending.message == table_vae.status_.message.split("\n")[0]
    assert found.ending.notes == table_vae.status_.notes


def test_a_model_without_a_density_says_why(autoencoder: Autoencoder, images: np.ndarray):
    found = find(autoencoder, images, n_samples=10)
    assert (found.density, found.baseline, found.health, found.clusters, found.columns) == (None, None, None, None, ())
    assert found.no_density == f"Autoencoder has no density: {autoencoder.absent_verbs()['log_evidence']}"
    assert found.no_health == f"Autoencoder has no health check: {autoencoder.absent_verbs()['health']}"
    assert found.cell == "pixel"


def test_a_gain_is_paired_by_row(table_vae: VAE, table: DataFrame):
    from lowerbound.findings.baseline import independent_columns

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)
        difference = table_vae.log_evidence(table, n_samples=50).per_row - independent_columns(table_vae, table).per_row
    found = find(table_vae, table, n_samples=50).baseline
    assert found.gain == pytest.approx(difference.mean())
    assert found.gain_standard_error == pytest.approx(difference.std(ddof=1) / math.sqrt(60))


def test_rows_whose_weights_have_no_tail_at_all_count_as_untrusted(table_vae: VAE, table: DataFrame):
    k = np.where(np.arange(len(table)) < 30, np.inf, 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)
        evidence = dataclasses.replace(table_vae.log_evidence(table, n_samples=50), pareto_k=k)
    found = find(table_vae, table, n_samples=50, evidence=evidence).density
    assert (found.share_of_untrusted_rows, found.trusted) == (0.5, False)


def test_clusters_are_those_of_predict_proba():
    draws = np.random.default_rng(0)
    group = draws.integers(0, 2, 80)
    x = draws.normal(size=(80, 3)) + np.outer(group, [0.0, 9.0, 0.0])
    mixture = MixtureOfFactorAnalyzers(2, latent_dim=0, random_state=0).fit(x)
    found, probability = find(mixture, x, n_samples=1).clusters, mixture.predict_proba(x)
    assert found.n_used == 2
    assert found.share_sure == np.mean(probability.max(axis=1) > 0.9)
    for k, cluster in enumerate(found.clusters):
        own = mixture.predict(x) == k
        assert cluster.weight == mixture.weights_[k]
        assert cluster.n_rows == own.sum()
        assert cluster.certainty == pytest.approx(probability[own, k].mean())
        assert cluster.apart[0].column == "x1"
        expected = (mixture.means_[k, 1] - x[:, 1].mean()) / x[:, 1].std()
        assert cluster.apart[0].deviations == pytest.approx(expected)


def test_a_mixture_is_measured_without_a_health_check():
    x = np.random.default_rng(0).normal(size=(40, 3))
    x[3, 1] = np.nan
    mixture = MixtureOfFactorAnalyzers(2, latent_dim=1, random_state=0).fit(x)
    found = find(mixture, x, n_samples=10)
    assert found.density.kl == pytest.approx(mixture.outlier_scores(x, method="kl").mean())
    assert found.share_of_missing_cells == pytest.approx(1 / 120)
    assert found.health is None
    assert found.no_health.startswith("MixtureOfFactorAnalyzers has no health check: its posterior is not one Gaussian")


def test_one_noise_variance_is_told_from_many():
    x = np.random.default_rng(0).normal(size=(30, 3))
    assert find(PPCA(1).fit(x), x, n_samples=1).density.one_noise_for_all
    assert not find(PPCA(1, standardize=True).fit(x), x, n_samples=1).density.one_noise_for_all


def test_plain_values_are_json_without_nan(autoencoder: Autoencoder, images: np.ndarray):
    x = np.random.default_rng(0).normal(size=(30, 3))
    exact = plain_findings(find(PPCA(1).fit(x), x, n_samples=1))
    assert exact["share_of_untrusted_rows"] is None  # nothing was sampled
    assert exact["ending"]["code"] == "closed_form"
    assert [column["name"] for column in exact["columns"]] == ["x0", "x1", "x2"]
    assert exact["sentences"][0]["level"] == "good"
    code = plain_findings(find(autoencoder, images, n_samples=1))
    assert "log_evidence" not in code
    assert "advice" not in code
    for found in (exact, code):
        assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_bits_are_of_masses_only():
    counts = np.random.default_rng(0).poisson(3.0, size=(40, 4))
    vae = VAE(1, likelihood="poisson", hidden=(), max_epochs=1, random_state=0).fit(counts)
    found = find(vae, counts, n_samples=30).density
    assert found.bits_per_dimension == pytest.approx(-found.log_evidence / (4 * math.log(2)))
    assert found.base_measure_kind == "mass"
    greys = np.random.default_rng(0).uniform(size=(40, 4))
    vae = VAE(1, likelihood="bernoulli", binarize="none", hidden=(), max_epochs=1, random_state=0).fit(greys)
    found = find(vae, greys, n_samples=30).density
    assert (found.bits_per_dimension, found.base_measure_kind) == (None, "loss")
