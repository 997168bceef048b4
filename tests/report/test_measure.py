"""What is measured is what the estimator's own verbs say; the reconstruction error never mixes units."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from pandas import DataFrame

from lowerbound import VAE, Autoencoder, EvidenceWarning
from lowerbound.report.measure import cautions, measure, reconstruction_error, targets, trusted


def test_numbers_are_those_of_the_verbs(table_vae: VAE, table: DataFrame):
    found = measure(table_vae, table, n_samples=50)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)
        evidence = table_vae.log_evidence(table, n_samples=50)
    assert found["log_evidence"] == evidence.value
    assert found["standard_error"] == evidence.standard_error
    assert found["sampling_error"] == evidence.sampling_error
    assert found["pareto_k_share_above_0.7"] == np.mean(evidence.pareto_k > 0.7)
    assert found["elbo"] == pytest.approx(table_vae.elbo(table).mean())
    scores = table_vae.outlier_scores(table, method="reconstruction")
    assert found["log_likelihood_at_code"] == pytest.approx(-scores.mean())
    assert found["healthy"] == table_vae.health(table).ok
    assert found["kl_per_dimension"] == table_vae.health(table).kl_per_dimension.tolist()


def test_the_error_of_a_table_is_in_standard_deviations_of_its_columns(table_vae: VAE, table: DataFrame):
    x = table.to_numpy()
    by_column = np.sqrt(np.mean((x - table_vae.reconstruct(table)) ** 2, axis=0)) / x.std(axis=0)
    error, unit = reconstruction_error(table_vae, table)
    assert error == pytest.approx(np.sqrt(np.mean(by_column**2)))
    assert unit.startswith("standard deviations of each column")


def test_a_change_of_units_changes_no_error_of_a_table(table: DataFrame):
    x = table.to_numpy()
    errors = []
    for factor in (1.0, np.array([1.0, 1e-3, 1e4])):
        autoencoder = Autoencoder(1, hidden=(), max_epochs=5, random_state=0).fit(x * factor)
        errors.append(reconstruction_error(autoencoder, x * factor)[0])
    assert errors[1] == pytest.approx(errors[0], rel=1e-3)


def test_constant_columns_are_left_out_and_one_row_has_no_error(table: DataFrame):
    x = table.to_numpy().copy()
    x[:, 2] = 7.0
    autoencoder = Autoencoder(1, hidden=(), max_epochs=5, random_state=0).fit(x)
    by_column = np.sqrt(np.mean((x - autoencoder.reconstruct(x)) ** 2, axis=0))[:2] / x.std(axis=0)[:2]
    assert reconstruction_error(autoencoder, x)[0] == pytest.approx(np.sqrt(np.mean(by_column**2)))
    assert math.isnan(reconstruction_error(autoencoder, x[:1])[0])


def test_the_error_is_the_same_in_chunks(table_vae: VAE, table: DataFrame, image_vae: VAE, images, monkeypatch):
    whole = [reconstruction_error(table_vae, table)[0], reconstruction_error(image_vae, images)[0]]
    monkeypatch.setattr("lowerbound.data.row_chunks._CHUNK_CELLS", 25)
    assert [reconstruction_error(table_vae, table)[0], reconstruction_error(image_vae, images)[0]] == pytest.approx(
        whole
    )


def test_the_error_of_images_is_in_their_own_units(image_vae: VAE, autoencoder: Autoencoder, images: np.ndarray):
    error, unit = reconstruction_error(image_vae, images)
    assert error == pytest.approx(np.sqrt(np.mean((images / 255 - image_vae.reconstruct(images)) ** 2)))
    assert unit == "probabilities, 0 to 1"
    error, unit = reconstruction_error(autoencoder, images)
    assert error == pytest.approx(np.sqrt(np.mean((images.astype(float) - autoencoder.reconstruct(images)) ** 2)))
    assert unit == "units of x"
    assert targets(image_vae, images).max() <= 1 < targets(autoencoder, images).max()


def test_grey_levels_of_a_table_share_one_unit(images: np.ndarray):
    rows = images.reshape(len(images), -1)
    vae = VAE(2, dequantize=True, hidden=(), max_epochs=1, random_state=0).fit(rows)
    error, unit = reconstruction_error(vae, rows)
    assert error == pytest.approx(np.sqrt(np.mean((rows.astype(float) - vae.reconstruct(rows)) ** 2)))
    assert unit == "grey levels"


def test_trust_and_cautions():
    measured = {"log_evidence": -1.0, "exact": False, "pareto_k_share_above_0.7": math.nan, "advice": ["All is well."]}
    assert trusted(measured) is None
    assert cautions(measured)[0].startswith("Caution: too few --samples")
    some = measured | {"pareto_k_share_above_0.7": 0.2}
    assert trusted(some) is False
    assert cautions(some)[0].startswith("Caution: Pareto k-hat is above 0.7 for 20% of the rows")
    few = measured | {"pareto_k_share_above_0.7": 0.1}
    assert trusted(few) is True
    assert cautions(few) == ["Latent space: All is well."]
    assert trusted(some | {"exact": True}) is True
    assert cautions({"class": "Autoencoder"})[0].startswith("Autoencoder has no density")


def test_rows_whose_weights_have_no_tail_at_all_count_as_untrusted(table_vae: VAE, table: DataFrame, monkeypatch):
    k = np.where(np.arange(len(table)) < 30, np.inf, 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)
        evidence = replace(table_vae.log_evidence(table, n_samples=50), pareto_k=k)
    monkeypatch.setattr(VAE, "log_evidence", lambda self, X, *, n_samples: evidence)
    assert measure(table_vae, table, n_samples=50)["pareto_k_share_above_0.7"] == 0.5
