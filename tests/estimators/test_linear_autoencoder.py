"""The linear autoencoder against scikit-learn's PCA, eigenvalues written out, and repeated rows."""

import pickle

import jax
import joblib
import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA

import lowerbound
from lowerbound.estimators.linear_autoencoder import LinearAutoencoder

IRIS = load_iris().data
DIGITS = load_digits().data


def wide(n_rows=12, n_features=30, *, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, n_features)) * np.linspace(0.5, 3, n_features)


def least_error(X, latent_dim):
    """What no code of that dimension can better: the sum of the eigenvalues left out."""
    return np.linalg.eigvalsh(np.cov(X.T, bias=True))[: X.shape[1] - latent_dim].sum()


def error_of(autoencoder, X):
    rows = X.reshape(len(X), -1)
    return np.square(rows - autoencoder.reconstruct(X).astype(float).reshape(rows.shape)).sum(axis=1).mean()


def loss_in_users_units(autoencoder):
    return autoencoder.objective_ * autoencoder.preprocessing_.scale.flat[0] ** 2


@pytest.mark.parametrize(
    ("X", "latent_dim"),
    [(IRIS, 2), (IRIS, 4), (DIGITS, 10), (wide(), 5)],
    ids=["iris", "all latents", "digits", "more features than rows"],
)
def test_closed_form_is_pca(X, latent_dim):
    autoencoder, pca = LinearAutoencoder(latent_dim).fit(X), PCA(latent_dim).fit(X)
    np.testing.assert_allclose(autoencoder.components_, pca.components_, atol=1e-10)
    np.testing.assert_allclose(autoencoder.mean_, pca.mean_, atol=1e-12)
    size = np.abs(X).max()
    np.testing.assert_allclose(autoencoder.transform(X), pca.transform(X), atol=2e-6 * size)
    by_pca = pca.inverse_transform(pca.transform(X))
    np.testing.assert_allclose(autoencoder.reconstruct(X), by_pca, atol=2e-6 * size)
    np.testing.assert_allclose(autoencoder.inverse_transform(pca.transform(X)), by_pca, atol=2e-6 * size)


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_the_loss_is_what_the_eigenvalues_left_out_add_up_to(latent_dim):
    autoencoder = LinearAutoencoder(latent_dim).fit(IRIS)
    np.testing.assert_allclose(loss_in_users_units(autoencoder), least_error(IRIS, latent_dim), rtol=1e-10)
    np.testing.assert_allclose(error_of(autoencoder, IRIS), least_error(IRIS, latent_dim), rtol=1e-5)
    assert (autoencoder.status_.code, autoencoder.status_.ok, autoencoder.status_.notes) == ("closed_form", True, ())
    assert (autoencoder.n_iter_, autoencoder.best_epoch_) == (1, 1)
    assert {name: list(column) for name, column in autoencoder.history_.items()} == {"loss": [autoencoder.objective_]}


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("seed", [0, 1])
def test_descent_finds_the_same_subspace(seed, scale):
    X = scale * IRIS
    closed = LinearAutoencoder(2).fit(X)
    learned = LinearAutoencoder(2, method="gradient", random_state=seed).fit(X)
    assert subspace_angles(learned.components_.T, closed.components_.T).max() < 1e-3  # radians
    np.testing.assert_allclose(learned.components_, closed.components_, atol=1e-3)
    assert learned.objective_ == pytest.approx(closed.objective_, rel=1e-4)
    assert error_of(learned, X) == pytest.approx(least_error(X, 2), rel=1e-4)
    assert learned.status_.code == "max_epochs"
    assert learned.history_["loss"].shape == (learned.n_iter_,) == (500,)


def test_descent_with_ten_latents_reaches_the_optimum_of_digits():
    learned = LinearAutoencoder(10, method="gradient", max_epochs=200, random_state=0).fit(DIGITS)
    assert error_of(learned, DIGITS) == pytest.approx(least_error(DIGITS, 10), rel=1e-4)
    assert subspace_angles(learned.components_.T, PCA(10).fit(DIGITS).components_.T).max() < 1e-2


def test_a_descent_cut_short_is_outside_the_subspace():
    """What the tests above would say of a fit that went wrong."""
    learned = LinearAutoencoder(2, method="gradient", max_epochs=2, random_state=0).fit(IRIS)
    assert subspace_angles(learned.components_.T, PCA(2).fit(IRIS).components_.T).max() > 0.1
    assert error_of(learned, IRIS) > 1.1 * least_error(IRIS, 2)


@pytest.mark.parametrize("method", ["closed_form", "gradient"])
def test_components_are_orthonormal_axes_of_the_decoders_span_by_falling_variance(method):
    autoencoder = LinearAutoencoder(3, method=method, max_epochs=20, random_state=0).fit(DIGITS)
    A = autoencoder.components_
    assert A.dtype == autoencoder.mean_.dtype == np.float64
    np.testing.assert_allclose(A @ A.T, np.eye(3), atol=1e-12)
    assert np.all(A[np.arange(3), np.abs(A).argmax(axis=1)] > 0)
    variances = np.var((DIGITS - autoencoder.mean_) @ A.T, axis=0)
    assert np.all(np.diff(variances) < 0)
    axes = np.cov(A @ DIGITS.T)
    np.testing.assert_allclose(axes - np.diag(np.diag(axes)), 0, atol=1e-8 * variances[0])
    moves = np.diff(autoencoder.inverse_transform(np.concatenate([np.zeros((1, 3)), np.eye(3)])), axis=0)
    assert subspace_angles(moves.T.astype(float), A.T).max() < 1e-5


@pytest.mark.parametrize("method", ["closed_form", "gradient"])
def test_images_are_rows(method):
    images = DIGITS.reshape(-1, 8, 8)
    flat, shaped = (LinearAutoencoder(2, method=method, max_epochs=5, random_state=0).fit(X) for X in (DIGITS, images))
    assert shaped.reconstruct(images).shape == shaped.inverse_transform(shaped.transform(images)).shape == images.shape
    assert shaped.components_.shape == (2, 64)
    assert shaped.constant_features_.shape == (8, 8)
    np.testing.assert_array_equal(shaped.transform(images), flat.transform(DIGITS))
    np.testing.assert_array_equal(shaped.components_, flat.components_)


def test_bytes_are_numbers():
    np.testing.assert_allclose(
        LinearAutoencoder(3).fit(DIGITS.astype(np.uint8)).transform(DIGITS.astype(np.uint8)),
        LinearAutoencoder(3).fit(DIGITS).transform(DIGITS),
        atol=1e-4,
    )


@pytest.mark.parametrize("shift", [1e9, -1e9])
def test_a_huge_offset_costs_no_digits_of_the_codes(shift):
    X = np.round(100 * np.random.default_rng(0).normal(size=(200, 4)) @ np.diag([3.0, 2.0, 1.0, 0.5]))
    near, far = LinearAutoencoder(2).fit(X), LinearAutoencoder(2).fit(X + shift)
    np.testing.assert_allclose(far.components_, near.components_, atol=1e-8)
    np.testing.assert_allclose(far.mean_, near.mean_ + shift, rtol=1e-15)
    np.testing.assert_allclose(far.transform(X + shift), near.transform(X), atol=1e-3)


@pytest.mark.parametrize("scale", [1e-36, 1e-20, 1e20, 1e37])
def test_units_at_the_ends_of_float32(scale):
    X = scale * (IRIS - IRIS.mean(axis=0)) / 100
    autoencoder = LinearAutoencoder(2).fit(X)
    np.testing.assert_allclose(autoencoder.components_, PCA(2).fit(IRIS).components_, atol=1e-9)
    assert np.isfinite(autoencoder.transform(X)).all()
    np.testing.assert_allclose(
        autoencoder.reconstruct(X) / scale, X / scale, atol=0.01
    )  # three s.d. of what is left out


@pytest.mark.parametrize("method", ["closed_form", "gradient"])
def test_numbers_are_float32_whatever_comes_in(method):
    autoencoder = LinearAutoencoder(2, method=method, max_epochs=2, random_state=0).fit(IRIS)
    codes = autoencoder.transform(IRIS)
    made = (
        codes,
        autoencoder.reconstruct(IRIS),
        autoencoder.inverse_transform(codes),
        *jax.tree.leaves(autoencoder.model_),
    )
    assert {part.dtype for part in made} == {np.dtype("float32")}


@pytest.mark.parametrize("X", [IRIS, wide()], ids=["more rows", "more features"])
def test_a_weight_is_a_number_of_copies(X):
    copies = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = LinearAutoencoder(2).fit(X, sample_weight=copies / 7)
    repeated = LinearAutoencoder(2).fit(np.repeat(X, copies, axis=0))
    np.testing.assert_allclose(weighted.components_, repeated.components_, atol=1e-10)
    np.testing.assert_allclose(weighted.mean_, repeated.mean_, atol=1e-12)
    assert weighted.objective_ == pytest.approx(repeated.objective_, rel=1e-10)
    assert np.abs(weighted.components_ - LinearAutoencoder(2).fit(X).components_).max() > 1e-3


@pytest.mark.parametrize("method", ["closed_form", "gradient"])
def test_constant_columns_are_reconstructed_as_they_are(method):
    X = np.insert(IRIS, [0, 2, 4], [0.1, -1e4, 0.0], axis=1)
    autoencoder = LinearAutoencoder(2, method=method, max_epochs=100, random_state=0).fit(X)
    np.testing.assert_array_equal(autoencoder.constant_features_, [True, False, False, True, False, False, True])
    np.testing.assert_allclose(autoencoder.components_[:, autoencoder.constant_features_], 0, atol=0.02)
    if method == "closed_form":
        plain = LinearAutoencoder(2).fit(IRIS)
        np.testing.assert_allclose(autoencoder.components_[:, [1, 2, 4, 5]], plain.components_, atol=1e-12)
        np.testing.assert_allclose(autoencoder.reconstruct(X)[:, [0, 3, 6]], X[:, [0, 3, 6]], rtol=1e-6)
    assert "arbitrary" not in str(autoencoder.status_)


def test_the_rounding_of_a_constant_is_no_direction():
    small = 1e-12 * wide(50, 3)
    X = np.concatenate([small, np.full((50, 1), 1e3 / 3)], axis=1)
    autoencoder = LinearAutoencoder(3).fit(X)
    np.testing.assert_array_equal(autoencoder.components_[:, 3], 0)
    np.testing.assert_allclose(autoencoder.components_[:, :3], PCA(3).fit(small).components_, atol=1e-9)


@pytest.mark.parametrize(
    ("X", "latent_dim", "n_varying"),
    [
        (wide(3, 10), 5, 2),  # three centred rows span two directions
        (wide(4, 10), 10, 3),
        (np.repeat(wide(20, 2), 2, axis=1), 3, 2),
        (np.full((6, 3), 0.1), 2, 0),
        (np.full((2, 5), 7.0), 3, 0),
    ],
    ids=[
        "fewer rows than latents",
        "as many latents as features",
        "duplicated columns",
        "no spread",
        "no spread, two rows",
    ],
)
def test_directions_without_variance_are_named_and_harmless(X, latent_dim, n_varying):
    autoencoder = LinearAutoencoder(latent_dim).fit(X)
    assert autoencoder.status_.code == "closed_form"
    assert f"varies in {n_varying} of the latent_dim = {latent_dim} directions" in autoencoder.status_.notes[0]
    A = autoencoder.components_
    np.testing.assert_allclose(A @ A.T, np.eye(latent_dim), atol=1e-12)
    np.testing.assert_allclose(autoencoder.transform(X)[:, n_varying:], 0, atol=1e-5)
    np.testing.assert_allclose(autoencoder.reconstruct(X), X, atol=1e-5)
    assert autoencoder.objective_ == pytest.approx(0, abs=1e-12)
    np.testing.assert_array_equal(LinearAutoencoder(latent_dim).fit(X).components_, A)


def test_descent_names_directions_without_variance_too():
    X = np.repeat(wide(20, 2), 2, axis=1)
    learned = LinearAutoencoder(3, method="gradient", max_epochs=300, random_state=0).fit(X)
    assert "varies in 2 of the latent_dim = 3 directions" in learned.status_.notes[-1]


@pytest.mark.parametrize("copied", ["pickle", "joblib", "save"])
@pytest.mark.parametrize("method", ["closed_form", "gradient"])
def test_a_copy_keeps_every_bit(method, copied, tmp_path):
    autoencoder = LinearAutoencoder(2, method=method, max_epochs=3, random_state=0).fit(IRIS)
    if copied == "pickle":
        copy = pickle.loads(pickle.dumps(autoencoder))
    elif copied == "joblib":
        joblib.dump(autoencoder, tmp_path / "model")
        copy = joblib.load(tmp_path / "model")
    else:
        autoencoder.save(tmp_path / "model")
        copy = lowerbound.load(tmp_path / "model", classes=[LinearAutoencoder])
    assert copy.get_params() == autoencoder.get_params()
    assert copy.status_ == autoencoder.status_
    for name in ("components_", "mean_"):
        assert getattr(copy, name).dtype == np.float64
        np.testing.assert_array_equal(getattr(copy, name), getattr(autoencoder, name))
    np.testing.assert_array_equal(copy.transform(IRIS), autoencoder.transform(IRIS))
    np.testing.assert_array_equal(copy.reconstruct(IRIS), autoencoder.reconstruct(IRIS))


def test_outliers_are_far_from_the_subspace():
    X = wide(100, 2) @ wide(2, 5, seed=1)
    autoencoder = LinearAutoencoder(2).fit(X + 0.01 * wide(100, 5, seed=2))
    inside, outside = autoencoder.outlier_scores(X), autoencoder.outlier_scores(X + wide(100, 5, seed=3))
    assert inside.max() < outside.min()


def test_verbs_of_a_density_are_absent_and_the_reason_names_who_has_them():
    with pytest.raises(AttributeError) as found:
        LinearAutoencoder().score_samples(IRIS)
    assert "Use VAE or PPCA for likelihoods" in str(found.value)


@pytest.mark.parametrize(
    ("options", "X", "message"),
    [
        ({"latent_dim": 5}, IRIS, r"latent_dim of LinearAutoencoder must be at most n_features = 4; got 5\."),
        ({"latent_dim": 0}, IRIS, "latent_dim of LinearAutoencoder must be a whole number, at least 1"),
        ({"method": "pca"}, IRIS, "method of LinearAutoencoder must be 'closed_form' or 'gradient'; got 'pca'"),
        ({"learning_rate": 0}, IRIS, "learning_rate of LinearAutoencoder must be a number above 0"),
        ({}, np.where(IRIS > 5, np.nan, IRIS), "X of LinearAutoencoder must be finite .* impute them"),
        ({}, np.where(IRIS > 5, np.inf, IRIS), "X of LinearAutoencoder must be finite"),
    ],
    ids=["too many latents", "no latents", "method", "learning rate", "nan", "inf"],
)
def test_bad_input_is_one_clear_error(options, X, message):
    with pytest.raises(ValueError, match=message):
        LinearAutoencoder(**options).fit(X)


@pytest.mark.parametrize(
    ("method", "weight", "message"),
    [
        ("closed_form", np.ones(3), r"must be 150 numbers, .* shape \(3,\)"),
        ("closed_form", np.r_[np.ones(149), -1], r"not negative; got sample_weight\[149\] = -1"),
        ("closed_form", np.r_[np.nan, np.ones(149)], r"finite and not negative; got sample_weight\[0\] = nan"),
        ("closed_form", np.zeros(150), "got zeros only"),
        ("gradient", np.ones(150), "must be None for method='gradient'"),
    ],
    ids=["length", "negative", "nan", "zeros", "gradient"],
)
def test_weights_that_cannot_be(method, weight, message):
    with pytest.raises(ValueError, match="sample_weight of LinearAutoencoder .*" + message):
        LinearAutoencoder(method=method).fit(IRIS, sample_weight=weight)
