"""Closed forms in NumPy say of every row what the compiled modules say, and what the textbook's matrices say.

Ground truths: the same parameters as an Equinox module under ``vmap`` (values to rounding), and ``tests.gaussians.textbook`` for
the distributions that draws come from.
"""

import jax
import numpy as np
import pytest

from lowerbound.data.dataset import Dataset
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.data.threefry import purpose_key
from lowerbound.evaluate import closed_form
from lowerbound.evaluate.closed_form import ClosedFormVerbs
from lowerbound.evaluate.compiled import CompiledVerbs
from lowerbound.models.gaussians import density_of, module_of
from tests.gaussians import factor_analyzer, full_gaussian, mixture, mixture_of, random_patterns, textbook

KINDS = {
    "one shared noise": factor_analyzer(noise="isotropic"),
    "one": factor_analyzer(),
    "factors": mixture(),
    "no factors": mixture(latent_dim=0, seed=2),
    "full": mixture(noise="full", seed=3),
    "one full": mixture_of(full_gaussian()),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
KEY = purpose_key(3, 0)
UNITS = Preprocessing(np.array([1.0, -2.0, 0.0, 3.0, 10.0]), np.array([0.5, 2.0, 1.0, 4.0, 1.0]), dtype="float64")


def rows(*, holes, n_rows=12):
    """Rows in the user's units: without holes, with a pattern for each, or with three patterns between them."""
    x = 2 * np.random.default_rng(0).normal(size=(n_rows, 5)) * UNITS.scale + UNITS.shift
    observed = random_patterns(n_rows, 5)
    if holes == "shared":
        observed = observed[np.arange(n_rows) % 3]
    return Dataset(x if holes == "none" else np.where(observed, x, np.nan), UNITS)


@pytest.mark.parametrize("holes", ["none", "own", "shared"])
@every_kind
def test_numpy_and_the_compiled_module_agree(kind, holes):
    model, dataset = KINDS[kind], rows(holes=holes)
    numpy, compiled = ClosedFormVerbs(density_of(model)), CompiledVerbs(model)
    close = {"rtol": 1e-9, "atol": 1e-11}
    for verb, options in (
        ("encode", {}),
        ("elbo", {"n_samples": 1}),
        *(("outlier_scores", {"method": method, "n_samples": 1}) for method in ("kl", "reconstruction")),
    ):
        found, expected = (getattr(verbs, verb)(dataset, key=KEY, **options) for verbs in (numpy, compiled))
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, **close)
    codes = numpy.encode(dataset, key=KEY)
    np.testing.assert_allclose(numpy.decode(codes, None), compiled.decode(codes, None), **close)
    np.testing.assert_allclose(numpy.reconstruct(dataset, key=KEY), numpy.decode(codes, None), **close)
    found, expected = (
        verbs.predictive_cells(dataset, coverage=0.9, n_samples=1, key=KEY) for verbs in (numpy, compiled)
    )
    np.testing.assert_allclose(found.mean, expected.mean, **close)
    np.testing.assert_allclose(found.variance, expected.variance, **close)
    means = numpy.predictive_means(dataset, n_samples=1, key=KEY)
    np.testing.assert_allclose(means.mean, expected.mean, **close)
    missing = np.isnan(dataset.values)
    np.testing.assert_allclose(found.lower[missing], expected.lower[missing], **close)
    np.testing.assert_allclose(found.upper[missing], expected.upper[missing], **close)
    assert np.isnan(found.lower[~missing]).all()


@pytest.mark.parametrize("kind", ["one", "one shared noise"])
def test_posterior_covariances_agree(kind):
    dataset = rows(holes="own")
    for found, expected in zip(
        ClosedFormVerbs(density_of(KINDS[kind])).posterior(dataset, key=KEY),
        CompiledVerbs(KINDS[kind]).posterior(dataset, key=KEY),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["factors", "full"])
def test_responsibilities_agree(kind):
    dataset = rows(holes="own")
    found, expected = (
        verbs.log_responsibility(dataset, key=KEY)
        for verbs in (ClosedFormVerbs(density_of(KINDS[kind])), CompiledVerbs(KINDS[kind]))
    )
    np.testing.assert_allclose(found, expected, atol=1e-11)


@pytest.mark.parametrize("holes", ["own", "shared"])
@every_kind
def test_draws_of_missing_cells_have_the_textbooks_moments(kind, holes):
    model, n_draws = KINDS[kind], 20_000
    dataset = rows(holes=holes, n_rows=6 if holes == "own" else 12)
    drawn = ClosedFormVerbs(density_of(model)).completed(dataset, n_draws=n_draws, n_samples=1, key=KEY).rows
    y = (dataset.values - UNITS.shift) / UNITS.scale
    for row in (2, 4):
        seen = ~np.isnan(y[row])
        mean, covariance = textbook(model).moments_of_missing(np.where(seen, y[row], 0.0), seen)
        np.testing.assert_array_equal(drawn[row][:, seen], np.broadcast_to(y[row][seen], (n_draws, seen.sum())))
        error = np.sqrt(np.diag(covariance) / n_draws)
        assert np.all(np.abs(drawn[row][:, ~seen].mean(axis=0) - mean) < 5 * error)
        np.testing.assert_allclose(
            np.cov(drawn[row][:, ~seen].T).reshape(covariance.shape), covariance, atol=0.2, rtol=0.1
        )


@every_kind
def test_draws_of_codes_have_the_posterior_mean(kind):
    verbs, dataset = ClosedFormVerbs(density_of(KINDS[kind])), rows(holes="own", n_rows=5)
    drawn = verbs.sample_posterior(dataset, n_draws=20_000, key=KEY)
    mean = verbs.encode(dataset, key=KEY)
    assert drawn.shape == (5, 20_000, mean.shape[1])
    assert np.all(np.abs(drawn.mean(axis=1) - mean) <= 5 * drawn.std(axis=1) / np.sqrt(20_000) + 5e-4)


@every_kind
def test_samples_have_the_models_moments_and_more_begin_with_the_same(kind):
    verbs, truth = ClosedFormVerbs(density_of(KINDS[kind])), textbook(KINDS[kind])
    x, z = verbs.sample(50_000, None, key=KEY)
    mean = truth.weight @ truth.mean
    spread = truth.mean - mean
    covariance = np.tensordot(truth.weight, truth.covariance + spread[:, :, None] * spread[:, None], axes=1)
    assert np.all(np.abs(x.mean(axis=0) - mean) < 5 * np.sqrt(np.diag(covariance) / 50_000))
    np.testing.assert_allclose(np.cov(x.T), covariance, atol=0.05 * np.diag(covariance).max())
    fewer_x, fewer_z = verbs.sample(7, None, key=KEY)
    np.testing.assert_allclose(fewer_x, x[:7], rtol=1e-12)
    np.testing.assert_array_equal(fewer_z, z[:7])


@every_kind
def test_a_rows_numbers_do_not_depend_on_the_chunks(kind, monkeypatch):
    verbs, dataset = ClosedFormVerbs(density_of(KINDS[kind])), rows(holes="own")
    whole = (
        verbs.elbo(dataset, n_samples=1, key=KEY),
        verbs.completed(dataset, n_draws=3, n_samples=1, key=KEY).rows,
        verbs.sample_posterior(dataset, n_draws=3, key=KEY),
    )
    monkeypatch.setattr(closed_form, "_CHUNK", 1)
    parts = (
        verbs.elbo(dataset, n_samples=1, key=KEY),
        verbs.completed(dataset, n_draws=3, n_samples=1, key=KEY).rows,
        verbs.sample_posterior(dataset, n_draws=3, key=KEY),
    )
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-12)


@every_kind
def test_a_density_and_its_module_are_the_same_parameters(kind):
    there_and_back = module_of(density_of(KINDS[kind]))
    assert jax.tree.structure(there_and_back) == jax.tree.structure(KINDS[kind])
    jax.tree.map(np.testing.assert_array_equal, there_and_back, KINDS[kind])


def test_grey_levels_get_the_noise_that_compiled_models_see():
    levels = np.random.default_rng(0).integers(0, 256, (9, 5)).astype(np.uint8)
    units = Preprocessing(np.full(5, 120.0), np.full(5, 60.0), 1.0, "dequantize", "float64")
    found, expected = (
        verbs.elbo(Dataset(levels, units), n_samples=1, key=KEY)
        for verbs in (ClosedFormVerbs(density_of(KINDS["one"])), CompiledVerbs(KINDS["one"]))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-11)
