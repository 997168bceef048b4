"""Preprocessing: changes of units against finite differences, grey levels against the laws they should follow."""

from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest, norm

from lowerbound.data import row_chunks
from lowerbound.data.datums import datum_of
from lowerbound.data.preprocessing import MEANINGS, Preprocessing, Treatment, check_grey_levels, fit_preprocessing
from lowerbound.data.record import Record
from lowerbound.likelihoods.gaussian import FixedScaleGaussian

KEY = jax.random.key(0)


def datums(preprocessing, stored, *, observed=None, key=KEY):
    """Datums of all rows, one key per row."""
    keys = jax.random.split(key, len(stored))
    return jax.vmap(lambda record, key: datum_of(preprocessing, record, key=key))(
        Record(stored, observed).on_device(), keys
    )


def grey(n_rows=400, n_features=5, *, seed=0):
    return np.random.default_rng(seed).integers(0, 256, size=(n_rows, n_features)).astype(np.uint8)


# Units


@pytest.mark.parametrize("kind", ["float", "uint8", "dequantize"])
def test_log_determinant_is_that_of_the_finite_differences(kind):
    X = grey() if kind != "float" else np.random.default_rng(0).normal(size=(300, 5)) * [0.1, 1, 20, 3, 5] + 7
    preprocessing, _ = fit_preprocessing(
        X, treatment="dequantize" if kind == "dequantize" else "real", standardize=True
    )
    # The map is affine: a difference over many units has no error but rounding.
    low, high = X[:1], X[:1] + (np.uint8(200) - X[:1] if X.dtype == np.uint8 else 10.0)
    step = high.astype(float) - low.astype(float)
    below, above = (datums(preprocessing, preprocessing.store(rows)) for rows in (low, high))
    slopes = (np.asarray(above.values, float) - np.asarray(below.values, float)) / step
    np.testing.assert_allclose(above.log_determinant[0], np.log(np.abs(slopes)).sum(), rtol=1e-5)


def test_log_prob_of_standardized_data_is_the_density_in_the_users_units():
    X = np.random.default_rng(1).normal(size=(50, 4)) * [0.1, 1, 20, 3] + [1, 2, 3, 4]
    preprocessing, _ = fit_preprocessing(X, treatment="real", standardize=True)
    rows = datums(preprocessing, preprocessing.store(X))
    found = jax.vmap(lambda datum: FixedScaleGaussian(1.0).log_prob(jnp.zeros((1, 4)), datum))(rows)
    np.testing.assert_allclose(found, norm(X.mean(axis=0), X.std(axis=0)).logpdf(X).sum(axis=1), rtol=1e-5)


def test_only_observed_cells_count_in_the_log_determinant_and_missing_ones_are_filled():
    X = np.random.default_rng(2).normal(size=(40, 6)) * np.arange(1, 7)
    observed = np.random.default_rng(3).random(X.shape) < 0.6
    preprocessing, _ = fit_preprocessing(X, treatment="real", standardize=True)
    rows = datums(preprocessing, preprocessing.store(X), observed=observed)
    np.testing.assert_allclose(rows.log_determinant, -(observed * np.log(X.std(axis=0))).sum(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(rows.values, np.where(observed, preprocessing.store(X), 0))


@pytest.mark.parametrize("treatment", ["dynamic", "threshold", "grey"])
def test_discrete_data_have_no_change_of_units(treatment):
    preprocessing, _ = fit_preprocessing(grey(), treatment=treatment, standardize=True)
    np.testing.assert_array_equal(datums(preprocessing, grey()).log_determinant, 0)


def test_a_column_far_from_zero_keeps_its_digits():
    X = 1.6e9 + np.random.default_rng(4).normal(size=(1000, 2)) * 100
    preprocessing, _ = fit_preprocessing(X, treatment="real", standardize=True)
    y = datums(preprocessing, preprocessing.store(X)).values
    np.testing.assert_allclose(y, (X - X.mean(axis=0)) / X.std(axis=0), atol=1e-6)


def test_storing_by_chunks_changes_nothing(monkeypatch):
    X = np.random.default_rng(5).normal(size=(30, 4))
    preprocessing, _ = fit_preprocessing(X, treatment="real", standardize=True)
    whole = preprocessing.store(X)
    monkeypatch.setattr(row_chunks, "_CHUNK_CELLS", 9)
    np.testing.assert_array_equal(preprocessing.store(X), whole)


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_])
def test_small_types_stay_small(dtype):
    X = (grey() > 100).astype(dtype)
    for treatment in ("real", "dynamic"):
        preprocessing, _ = fit_preprocessing(X, treatment=treatment, standardize=True)
        assert preprocessing.store(X) is X


@pytest.mark.parametrize("dtype", [np.int64, np.float64, np.float32])
def test_whole_levels_in_wide_types_are_stored_as_uint8_to_be_dequantized(dtype):
    preprocessing, _ = fit_preprocessing(grey().astype(dtype), treatment="dequantize", standardize=True)
    stored = preprocessing.store(grey().astype(dtype))
    assert stored.dtype == np.uint8
    np.testing.assert_array_equal(stored, grey())


def test_standardizing_after_the_cast_agrees_with_standardizing_before():
    X = grey()
    preprocessing, _ = fit_preprocessing(X, treatment="real", standardize=True)
    late = datums(preprocessing, preprocessing.store(X)).values
    early = datums(preprocessing, preprocessing.store(X.astype(np.float64))).values
    np.testing.assert_allclose(late, early, atol=1e-5)


# Grey levels


def test_dequantization_adds_uniform_noise_below_one():
    X = grey(4000, 5)
    preprocessing, _ = fit_preprocessing(X, treatment="dequantize", standardize=False)
    noise = np.asarray(datums(preprocessing, X).values, float) - X
    assert noise.min() >= 0
    assert noise.max() <= 1
    assert kstest(noise.ravel(), "uniform").pvalue > 1e-3


def test_dequantized_and_standardized_cells_have_mean_zero_and_variance_one():
    X = grey(20_000, 3)
    X[:, 1] = X[:, 1] // 128  # two levels: the noise is a third of the variance
    preprocessing, _ = fit_preprocessing(X, treatment="dequantize", standardize=True)
    y = np.asarray(datums(preprocessing, X).values, float)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=5 / np.sqrt(len(X)))
    np.testing.assert_allclose(y.var(axis=0), 1, atol=5 * np.sqrt(2 / len(X)))


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255.0), (np.float32, 1.0)])
def test_dynamic_binarization_draws_ones_with_the_grey_value_as_probability(dtype, white):
    level = np.array([0, 1, 30, 128, 200, 254, 255]) / 255 * white
    X = np.tile(level.astype(dtype), (20_000, 1))
    preprocessing, _ = fit_preprocessing(X[:2], treatment="dynamic", standardize=True)
    bits = np.asarray(datums(preprocessing, X).values)
    probability = X[0].astype(float) / white
    assert set(np.unique(bits)) == {0.0, 1.0}
    error = np.sqrt(probability * (1 - probability) / len(X))
    assert (np.abs(bits.mean(axis=0) - probability) <= 4.5 * error).all()  # exact at 0 and at white


def test_dynamic_binarization_is_fresh_for_every_key_and_repeats_for_one():
    preprocessing, _ = fit_preprocessing(grey(), treatment="dynamic", standardize=True)
    first, again = datums(preprocessing, grey()).values, datums(preprocessing, grey()).values
    other = datums(preprocessing, grey(), key=jax.random.key(1)).values
    np.testing.assert_array_equal(first, again)
    p = grey() / 255
    disagreement, expected = np.mean(first != other), np.mean(2 * p * (1 - p))
    assert abs(disagreement - expected) < 4.5 * np.sqrt(expected / p.size)


def test_threshold_and_grey_are_what_their_rows_say():
    X = np.array([[0, 127, 128, 255]], np.uint8)
    threshold, _ = fit_preprocessing(X, treatment="threshold", standardize=True)
    np.testing.assert_array_equal(datums(threshold, X).values, [[0, 0, 1, 1]])
    plain, _ = fit_preprocessing(X, treatment="grey", standardize=True)
    np.testing.assert_allclose(datums(plain, X).values, X / 255, rtol=1e-6)
    half, _ = fit_preprocessing(X / 255, treatment="threshold", standardize=True)
    np.testing.assert_array_equal(datums(half, half.store(X / 255)).values, [[0, 0, 1, 1]])


@pytest.mark.parametrize("treatment", ["dequantize", "dynamic", "threshold", "grey"])
def test_treatments_that_change_the_measure_say_so(treatment):
    assert fit_preprocessing(grey(), treatment=treatment, standardize=True)[0].meaning.measure
    assert fit_preprocessing(grey(), treatment="real", standardize=True)[0].meaning.measure == ""


# And back


def test_restoring_inverts_storing():
    X = np.random.default_rng(6).normal(size=(50, 3)) * [1, 100, 0.01] + [5, -3, 0]
    preprocessing, _ = fit_preprocessing(X, treatment="real", standardize=True)
    y = preprocessing.store(X)
    for restored in (preprocessing.restore_mean(y), preprocessing.restore_sample(y)):
        np.testing.assert_allclose(restored, X, rtol=1e-5, atol=1e-6)
        assert restored.dtype == np.float32


@pytest.mark.parametrize("standardize_levels", [True, False])
def test_dequantized_draws_fall_back_to_their_level_and_means_lose_the_half(standardize_levels):
    X = grey()
    preprocessing, _ = fit_preprocessing(X, treatment="dequantize", standardize=standardize_levels)
    y = np.asarray(datums(preprocessing, X).values)
    inside = np.abs(y * preprocessing.scale + preprocessing.shift - X - 0.5) < 0.499  # away from rounding
    assert inside.mean() > 0.99
    np.testing.assert_array_equal(preprocessing.restore_sample(y)[inside], X[inside])
    middle = ((X + 0.5 - preprocessing.shift) / preprocessing.scale).astype(np.float32)
    np.testing.assert_allclose(preprocessing.restore_mean(middle), X, atol=1e-3)


# Checks


def test_constant_features_of_reals_are_named_whatever_the_units():
    X = np.stack([np.zeros(20), np.arange(20.0)], axis=1)
    np.testing.assert_array_equal(fit_preprocessing(X, treatment="real", standardize=True)[1].constant, [True, False])
    preprocessing, measured = fit_preprocessing(X, treatment="real", standardize=False)
    np.testing.assert_array_equal(measured.constant, [True, False])
    assert not fit_preprocessing(X, treatment="discrete", standardize=True)[1].constant.any()
    np.testing.assert_array_equal(preprocessing.store(X), X.astype(np.float32))


@pytest.mark.parametrize(
    ("treatment", "bad", "message"),
    [
        ("dequantize", 0.5, "integer grey levels 0 to 255"),
        ("dequantize", 256, "integer grey levels 0 to 255"),
        ("dequantize", -1, "integer grey levels 0 to 255"),
        ("dynamic", 1.01, r"grey values in \[0, 1\]"),
        ("grey", -0.01, r"grey values in \[0, 1\]"),
    ],
)
def test_the_first_cell_that_is_no_grey_level_is_shown(treatment, bad, message, monkeypatch):
    monkeypatch.setattr(row_chunks, "_CHUNK_CELLS", 6)
    X = np.zeros((9, 2, 3))
    check_grey_levels(X, treatment, white_level=1.0, owner="VAE")
    X[7, 1, 2] = bad
    with pytest.raises(ValueError, match=rf"X of VAE must hold {message}.*got X\[7, 1, 2\] = {bad}"):
        check_grey_levels(X, treatment, white_level=1.0, owner="VAE")


def test_preprocessing_of_one_datum_is_that_of_the_row():
    preprocessing = Preprocessing(np.ones(3), np.full(3, 2.0))
    datum = datum_of(preprocessing, Record(jnp.array([1, 3, 5], jnp.uint8), None, jnp.array([7.0])), key=KEY)
    np.testing.assert_allclose(datum.values, [0, 1, 2])
    np.testing.assert_allclose(datum.log_determinant, -3 * np.log(2), rtol=1e-6)
    np.testing.assert_array_equal(datum.condition, [7.0])


def test_uint8_that_does_not_use_its_range_is_not_binarized_in_silence():
    levels = np.arange(17, dtype=np.uint8)[:, None]
    with pytest.raises(ValueError, match=r"its largest is 16\. Divide X by its white level"):
        fit_preprocessing(levels, treatment="dynamic", standardize=False)
    bits, _ = fit_preprocessing(levels[:2], treatment="dynamic", standardize=False)
    assert bits.white_level == 1.0


def test_floats_after_a_fit_on_uint8_are_refused():
    with pytest.raises(ValueError, match=r"grey levels 0 to 255, as in fit; got floats of at most 0\.5"):
        check_grey_levels(np.array([[0.0, 0.5]]), "dynamic", white_level=255.0, owner="VAE")


def test_every_treatment_has_one_record_of_its_meaning() -> None:
    assert set(MEANINGS) == set(get_args(Treatment))
    # Theis et al. 2016: dequantized densities bound the log mass of levels; reals have no code, grey values no probability.
    assert [name for name, meaning in MEANINGS.items() if not meaning.has_code_length] == ["real", "grey"]
    assert [name for name, meaning in MEANINGS.items() if meaning.kind == "loss"] == ["grey"]
