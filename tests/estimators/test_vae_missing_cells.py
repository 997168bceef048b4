"""VAE on rows with missing cells: all likelihoods and networks, against what complete rows and exact models say."""

from functools import partial

import equinox as eqx
import numpy as np
import pandas as pd
import pytest

from lowerbound import VAE, Autoencoder, EvidenceWarning, FactorAnalysis

SMALL = {"hidden": (16,), "max_epochs": 60, "learning_rate": 0.01, "batch_size": 64, "random_state": 0}


def table(n=400, d=6, *, seed=0):
    rng = np.random.default_rng(seed)
    return 50 + 10 * (rng.normal(size=(n, 2)) @ rng.normal(size=(2, d)) + 0.3 * rng.normal(size=(n, d)))


def with_holes(X, share=0.3, *, seed=1):
    holes = np.random.default_rng(seed).random(X.shape) < share
    return np.where(holes, np.nan, X), holes


def test_numbers_on_complete_rows_are_those_of_an_encoder_without_mask():
    X = table()
    vae = VAE(**SMALL).fit(X)
    assert not vae.trained_with_missing_
    assert vae.model_.encoder.network.layers[0].weight.shape == (16, 6)
    holed, _ = with_holes(X)
    assert VAE(**SMALL).fit(holed).model_.encoder.network.layers[0].weight.shape == (16, 12)


def test_imputation_comes_near_that_of_the_exact_linear_model():
    X = table()
    holed, holes = with_holes(X)
    vae = VAE(latent_dim=2, objective="importance_weighted", **(SMALL | {"max_epochs": 200})).fit(holed)
    linear = FactorAnalysis(2).fit(holed)
    column_mean = np.nanmean(holed, axis=0)
    errors = {
        name: np.sqrt(np.mean((filled - X)[holes] ** 2))
        for name, filled in {
            "vae": vae.impute(holed),
            "factors": linear.impute(holed),
            "mean": np.broadcast_to(column_mean, X.shape),
        }.items()
    }
    assert errors["vae"] < 1.2 * errors["factors"]
    assert errors["factors"] < 0.6 * errors["mean"]
    found = vae.imputation(holed, coverage=0.9)
    inside = (found.lower <= X) & (found.upper >= X)
    assert 0.8 < inside[holes].mean() < 0.97


def test_score_samples_is_the_log_density_of_the_observed_cells():
    X = table()
    holed, _ = with_holes(X, 0.2)
    vae = VAE(latent_dim=2, **SMALL).fit(holed)
    # A column that is missing everywhere leaves the density of the others: less information, another unit.
    rows = X[:20].copy()
    rows[:, 3] = np.nan
    scaled = rows * np.array([1, 1, 1, 1e6, 1, 1])  # what stands in a missing column cannot matter
    np.testing.assert_array_equal(vae.score_samples(rows), vae.score_samples(scaled))
    empty = np.full((1, 6), np.nan)
    assert vae.score_samples(empty)[0] == 0.0
    assert vae.elbo(empty)[0] == vae.outlier_scores(empty)[0] == 0.0
    np.testing.assert_array_equal(vae.transform(empty), np.zeros((1, 2)))
    assert "1 row has no observed cell" not in vae.status_.message
    again = VAE(latent_dim=2, **SMALL).fit(np.concatenate([holed, empty]))
    assert "1 row has no observed cell and said nothing" in again.status_.message


def test_imputation_says_where_its_draws_cannot_be_trusted():
    X = table()
    holed, _ = with_holes(X, 0.2)
    vae = VAE(latent_dim=2, **SMALL).fit(holed)
    found = vae.imputation(holed[:50], n_samples=200)
    assert found.effective_sample_size.shape == (50,)
    assert found.effective_sample_size.min() >= 1
    assert found.effective_sample_size.max() <= 200 + 1e-6
    assert np.isnan(vae.imputation(holed[:50], n_samples=20).pareto_k).all()  # too few draws for a tail
    assert np.abs(vae.impute(holed[:50], n_samples=100) - found.mean).max() > 0
    # An encoder that is far too sure of a wrong place.
    vae.model_ = eqx.tree_at(
        lambda model: model.encoder.network.layers[-1].bias,
        vae.model_,
        replace_fn=lambda bias: bias.at[:2].add(1.0).at[2:].add(-3.0),
    )
    untrusted = r"^The missing cells cannot be trusted in \d+% of the rows that have some .* with 300 draws\)"
    for verb in (vae.impute, vae.imputation, partial(vae.impute, n_draws=2)):
        with pytest.warns(EvidenceWarning, match=untrusted):
            verb(holed[:50], n_samples=300)
    vae.impute(X[:50])  # nothing was filled
    with pytest.raises(ValueError, match="n_samples of VAE must be a whole number, at least 1; got 0"):
        vae.imputation(holed, n_samples=0)
    exact = FactorAnalysis(2).fit(holed).imputation(holed, n_samples=5)  # draws nothing
    assert np.isnan(exact.effective_sample_size).all()


CELLS = {
    "bits": ({"likelihood": "bernoulli"}, lambda rng, shape: rng.integers(0, 2, shape)),
    "grey levels, drawn": ({"likelihood": "bernoulli", "binarize": "dynamic"}, lambda rng, shape: rng.random(shape)),
    "grey levels, cut": ({"likelihood": "bernoulli", "binarize": "threshold"}, lambda rng, shape: rng.random(shape)),
    "grey values": ({"likelihood": "bernoulli", "binarize": "none"}, lambda rng, shape: rng.random(shape)),
    "counts": ({"likelihood": "poisson"}, lambda rng, shape: rng.poisson(3, shape)),
    "codes": ({"likelihood": "categorical"}, lambda rng, shape: rng.integers(0, 3, shape)),
    "levels": ({"dequantize": True}, lambda rng, shape: rng.integers(0, 256, shape)),
    "reals": ({"variance": "network", "posterior_covariance": "full"}, lambda rng, shape: rng.normal(size=shape)),
}


@pytest.mark.filterwarnings("ignore::lowerbound.EvidenceWarning")  # three epochs
@pytest.mark.parametrize(
    ("kind", "network"), [*((kind, "mlp") for kind in CELLS), ("reals", "conv"), ("codes", "conv")]
)
def test_every_likelihood_and_network_takes_holes(kind, network):
    options, draw = CELLS[kind]
    shape = (40, 5, 6) if network == "conv" else (40, 4)
    whole = draw(np.random.default_rng(0), shape).astype(np.float64)
    X, holes = with_holes(whole)
    architecture = {"network": "conv", "channels": (4,)} if network == "conv" else {}
    vae = VAE(**(SMALL | {"max_epochs": 3} | options | architecture)).fit(X)
    filled, found = vae.impute(X), vae.imputation(X)
    assert filled.shape == X.shape
    np.testing.assert_array_equal(filled[~holes], whole[~holes])
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(found.mean, filled)
    draws = vae.impute(X, n_draws=2)
    assert draws.shape == (40, 2, *shape[1:])
    if kind == "codes":
        assert set(np.unique(filled)) <= {0.0, 1.0, 2.0}
        assert np.isnan(found.scale[holes]).all()
    else:
        assert (found.lower <= found.upper).all()
        assert (found.scale[holes] > 0).all()
    if kind in ("bits", "counts", "codes", "levels"):
        np.testing.assert_array_equal(draws, np.round(draws))
    assert np.isfinite(vae.log_evidence(X, n_samples=20).per_row).all()
    assert np.isfinite(vae.reconstruct(X)).all()


def test_a_column_of_few_codes_is_sampled_with_its_own():
    rng = np.random.default_rng(0)
    X = np.stack([rng.integers(0, 2, 300), rng.integers(0, 5, 300)], axis=1)
    vae = VAE(likelihood="categorical", **(SMALL | {"max_epochs": 3})).fit(X)
    drawn = vae.sample(2000)
    assert set(np.unique(drawn[:, 0])) == {0.0, 1.0}
    assert set(np.unique(drawn[:, 1])) == {0.0, 1.0, 2.0, 3.0, 4.0}
    with pytest.raises(ValueError, match=r"integer codes 0 to 1 in this column, as in fit.*X\[0, 0\] = 2"):
        vae.transform([[2, 0]])


def test_a_frame_is_filled_as_a_frame():
    X, holes = with_holes(table(80, 3))
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=np.arange(80) + 5)
    filled = VAE(**(SMALL | {"max_epochs": 2})).fit(frame).impute(frame)
    assert list(filled.columns) == ["a", "b", "c"]
    assert list(filled.index) == list(frame.index)
    np.testing.assert_array_equal(filled.to_numpy()[~holes], X[~holes])


@pytest.mark.parametrize("estimator", [VAE, Autoencoder])
def test_a_column_that_was_never_observed_is_named(estimator):
    frame = pd.DataFrame(table(80, 3), columns=["a", "b", "c"])
    frame["b"] = np.nan
    with pytest.raises(
        ValueError, match=rf"X of {estimator.__name__} must have an observed cell in every column.* 'b'\. Leave it"
    ):
        estimator(**SMALL).fit(frame)


def test_an_autoencoder_learns_from_observed_cells_and_says_why_it_imputes_nothing():
    X = table()
    holed, holes = with_holes(X)
    autoencoder = Autoencoder(latent_dim=2, **(SMALL | {"max_epochs": 200})).fit(holed)
    error = (autoencoder.reconstruct(holed) - X)[holes]
    assert np.sqrt(np.mean(error**2)) < 0.65 * X.std()
    with pytest.raises(AttributeError, match="its missing cells have no distribution"):
        autoencoder.impute(holed)


def test_a_memory_map_is_fitted_without_a_copy_of_it(tmp_path):
    X = table(300, 4)
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    one, other = (VAE(**(SMALL | {"max_epochs": 3})).fit(rows) for rows in (X, mapped))
    assert one.objective_ == other.objective_
    np.testing.assert_array_equal(one.transform(X), other.transform(mapped))
