"""The reconstruction error never mixes units; columns with holes and codes are counted by hand."""

import math
from typing import Any

import numpy as np
import pytest
from pandas import DataFrame

from lowerbound import PPCA, VAE, Autoencoder
from lowerbound.findings.cells import as_rows, share_of_missing, targets
from lowerbound.findings.columns import columns, errors, moments, reconstruction


def reconstruction_error(estimator: Any, rows: Any) -> tuple[float, str]:
    found = reconstruction(estimator, rows, moments(estimator, rows), errors(estimator, rows))
    return found.root_mean_square_error, found.root_mean_square_error_unit


def columns_of(estimator: Any, rows: Any):
    return columns(estimator, rows, moments(estimator, rows), errors(estimator, rows))


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


def test_columns_with_holes_are_judged_by_the_cells_that_they_have():
    draws = np.random.default_rng(0)
    x = draws.normal(size=(50, 1)) @ [[1.0, -1.0, 2.0, 0.5]] + draws.normal(size=(50, 4))
    x[draws.uniform(size=x.shape) < 0.3] = np.nan
    x[:, 3] = np.where(np.isnan(x[:, 3]), np.nan, 7.0)
    ppca = PPCA(1).fit(np.where(np.arange(4) == 3, 7.0, x))
    square = np.square(x - ppca.reconstruct(x))
    for j, column in enumerate(columns_of(ppca, x)):
        assert column.name == f"x{j}"
        assert column.share_missing == pytest.approx(np.isnan(x[:, j]).mean())
        assert column.constant == (j == 3)
        assert column.mean == pytest.approx(np.nanmean(x[:, j]))
        assert column.categories is None
        if j < 3:
            assert column.standard_deviation == pytest.approx(np.nanstd(x[:, j]))
            assert column.variance_kept == pytest.approx(1 - np.nanmean(square[:, j]) / np.nanvar(x[:, j]))
        else:
            assert math.isnan(column.variance_kept)


def test_a_column_without_any_cell_is_not_constant():
    x = np.random.default_rng(0).normal(size=(20, 2))
    ppca = PPCA(1).fit(x)
    x[:, 1] = np.nan
    column = columns_of(ppca, x)[1]
    assert (column.share_missing, column.constant) == (1.0, False)
    assert math.isnan(column.mean)


def test_codes_are_counted():
    draws = np.random.default_rng(0)
    bits = draws.integers(0, 2, (40, 1))
    x = np.hstack([bits, 2 * bits, draws.integers(0, 3, (40, 1))])
    vae = VAE(1, likelihood="categorical", hidden=(), max_epochs=3, random_state=0).fit(x)
    back = vae.reconstruct(x)
    for j, column in enumerate(columns_of(vae, x)):
        values, counts = np.unique(x[:, j], return_counts=True)
        assert column.categories.n_categories == len(values)
        assert column.categories.commonest == values[counts.argmax()]
        assert column.categories.commonest_share == counts.max() / 40
        assert column.categories.share_recovered == np.mean(x[:, j] == back[:, j])
        assert math.isnan(column.mean)
    assert reconstruction_error(vae, x)[1] == "category codes have no differences"


def test_a_missing_bit_stays_missing(images: np.ndarray):
    vae = VAE(1, likelihood="bernoulli", binarize="threshold", hidden=(), max_epochs=1, random_state=0).fit(images)
    rows = np.where(images > 200, np.nan, images)
    assert np.isnan(targets(vae, rows)).sum() == np.sum(images > 200)


def test_masked_cells_are_missing_cells():
    x = np.arange(6).reshape(3, 2)
    rows = as_rows(np.ma.masked_array(x, x == 4))
    np.testing.assert_array_equal(rows, [[0, 1], [2, 3], [np.nan, 5]])
    assert share_of_missing(rows) == pytest.approx(1 / 6)
    assert share_of_missing(x) == 0.0
