"""The baseline is the likelihood of each column's own distribution, against scipy's, at the maximum over a grid."""

import numpy as np
import pytest
from scipy import stats

from lowerbound import PPCA, VAE, Autoencoder
from lowerbound.findings.baseline import independent_columns

ONE = {"hidden": (), "max_epochs": 1, "random_state": 0}


def test_gaussian_columns():
    x = np.random.default_rng(0).normal(size=(50, 3)) * [1.0, 10.0, 0.1]
    vae = VAE(1, **ONE).fit(x)
    expected = stats.norm(x.mean(axis=0), x.std(axis=0)).logpdf(x).sum(axis=1).mean()
    assert independent_columns(vae, x).value == pytest.approx(expected)


def test_dequantized_columns_have_the_variance_of_the_noise_too():
    x = np.random.default_rng(0).integers(0, 9, size=(50, 3)).astype(np.uint8)
    x[:, 0] = 4  # constant, but not after dequantization
    noisy = x + np.random.default_rng(1).uniform(size=(20_000, 50, 3))
    x[:, 2] = np.clip(x[:, 2], 4, 6)  # a bump, where the others fill their range
    noisy[:, :, 2] = x[:, 2] + noisy[:, :, 2] % 1
    gaussian = stats.norm(noisy.mean(axis=(0, 1)), noisy.std(axis=(0, 1))).logpdf(noisy).mean(axis=(0, 1))
    assert gaussian[1] < -np.log(9) < min(gaussian[0], gaussian[2])
    expected = gaussian[0] - np.log(9) + gaussian[2]
    vae = VAE(1, dequantize=True, **ONE).fit(x)
    assert independent_columns(vae, x).value == pytest.approx(expected, abs=0.01)


def test_bits():
    x = (np.random.default_rng(0).uniform(size=(50, 3)) < [0.2, 0.9, 0.5]).astype(float)
    x[:, 0] = 0.0  # no entropy
    vae = VAE(1, likelihood="bernoulli", **ONE).fit(x)
    expected = stats.bernoulli(x.mean(axis=0)).logpmf(x).sum(axis=1).mean()
    assert independent_columns(vae, x).value == pytest.approx(expected)


@pytest.mark.parametrize("likelihood", ["poisson", "categorical"])
def test_counts_and_codes(likelihood: str):
    x = np.random.default_rng(0).poisson([0.5, 3.0], size=(60, 2)).astype(float)
    vae = VAE(1, likelihood=likelihood, **ONE).fit(x)
    if likelihood == "poisson":
        expected = stats.poisson(x.mean(axis=0)).logpmf(x).sum(axis=1).mean()
    else:
        shares = [np.array([np.mean(column == code) for code in column]) for column in x.T]
        expected = np.log(shares).sum(axis=0).mean()
    assert independent_columns(vae, x).value == pytest.approx(expected)


def test_there_is_none_without_a_density_or_with_a_constant_real_column():
    x = np.random.default_rng(0).normal(size=(50, 3))
    assert independent_columns(Autoencoder(1, **ONE).fit(x), x) is None
    vae = VAE(1, **ONE).fit(x)
    x[:, 0] = 1.0
    assert independent_columns(vae, x) is None


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli", "poisson", "categorical"])
def test_the_optimism_is_what_fitting_to_the_rows_gains(likelihood: str):
    draws, n, d = np.random.default_rng(0), 60, 3
    share, rate = np.array([0.3, 0.5, 0.6]), np.array([2.0, 4.0, 9.0])

    def draw() -> tuple[np.ndarray, float]:
        """Rows, and their mean log-probability under the truth."""
        if likelihood == "gaussian":
            x = draws.normal(size=(n, d))
            return x, stats.norm.logpdf(x).sum(axis=1).mean()
        if likelihood == "poisson":
            x = draws.poisson(rate, size=(n, d))
            return x.astype(float), stats.poisson(rate).logpmf(x).sum(axis=1).mean()
        x = draws.binomial(1, share, size=(n, d))
        return x.astype(float), stats.bernoulli(share).logpmf(x).sum(axis=1).mean()

    first, _ = draw()
    vae = VAE(1, likelihood=likelihood, **ONE).fit(first)
    gains, told = [], []
    for _ in range(150):
        x, truth = draw()
        baseline = independent_columns(vae, x)
        gains.append(baseline.value - truth)
        told.append(baseline.optimism)
    expected = d / n if likelihood == "gaussian" else d / (2 * n)
    assert np.unique(told) == pytest.approx(expected)
    assert np.mean(gains) == pytest.approx(expected, rel=0.2)


def test_missing_cells_are_left_out_of_their_column_and_of_their_row():
    draws = np.random.default_rng(0)
    x = draws.normal(size=(50, 3)) * [1.0, 10.0, 0.1]
    x[draws.uniform(size=x.shape) < 0.3] = np.nan
    expected = np.nansum(stats.norm(np.nanmean(x, axis=0), np.nanstd(x, axis=0)).logpdf(x), axis=1)
    found = independent_columns(PPCA(1).fit(x), x)
    np.testing.assert_allclose(found.per_row, expected)
    assert found.n_parameters == 6


def test_the_optimism_of_columns_with_holes_is_that_of_whole_ones():
    draws, gains = np.random.default_rng(0), []
    ppca = PPCA(1).fit(draws.normal(size=(60, 3)))
    for _ in range(150):
        x = np.where(draws.uniform(size=(60, 3)) < 0.4, np.nan, draws.normal(size=(60, 3)))
        baseline = independent_columns(ppca, x)
        gains.append(baseline.value - np.nansum(stats.norm.logpdf(x), axis=1).mean())
    assert baseline.optimism == pytest.approx(3 / 60)
    assert np.mean(gains) == pytest.approx(3 / 60, rel=0.2)
