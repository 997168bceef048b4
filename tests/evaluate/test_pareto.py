"""Pareto k-hat on tails of known shape, and against a plain-loop twin of the published algorithm."""

import numpy as np
import pytest

from lowerbound.evaluate.pareto import fit_generalized_pareto, pareto_k


def generalized_pareto(k, shape, *, seed=0):
    """Draws with scale one: ((1 - u)^(-k) - 1) / k."""
    return np.expm1(-k * np.log1p(-np.random.default_rng(seed).random(shape))) / k


def slow_twin(log_weights):
    """PSIS of one row as in Zhang & Stephens and Vehtari et al., loop by loop."""
    w = sorted(np.exp(np.asarray(log_weights) - np.max(log_weights)))
    tail = int(min(0.2 * len(w), 3 * len(w) ** 0.5))
    x = [value - w[-tail - 1] for value in w[-tail:]]
    n, grid = len(x), 30 + int(len(x) ** 0.5)
    candidates, profiles = [], []
    for j in range(1, grid + 1):
        theta = 1 / x[-1] + (1 - (grid / (j - 0.5)) ** 0.5) / (3 * x[int(n / 4 + 0.5) - 1])
        k = sum(np.log(1 - theta * value) for value in x) / n
        candidates.append(theta)
        profiles.append(n * (np.log(-theta / k) - k - 1))
    total = sum(np.exp(profile - max(profiles)) for profile in profiles)
    theta = sum(t * np.exp(profile - max(profiles)) / total for t, profile in zip(candidates, profiles, strict=True))
    k = sum(np.log(1 - theta * value) for value in x) / n
    return (n * k + 10 * 0.5) / (n + 10)


@pytest.mark.parametrize("k", [0.2, 0.5, 1.0])
def test_known_shapes_are_recovered(k):
    # The excesses of a generalized Pareto law over any threshold have its shape.
    log_weights = np.log(generalized_pareto(k, (30, 20_000)))
    found = pareto_k(log_weights)
    tail = int(3 * np.sqrt(20_000))
    expected = (k * tail + 5) / (tail + 10)  # the weak prior
    error = (1 + k) / np.sqrt(tail)  # asymptotic, for k > -1/2
    assert abs(found.mean() - expected) < 4.5 * error / np.sqrt(30) + 0.01
    assert 0.6 * error < found.std() < 1.5 * error


@pytest.mark.parametrize("spread", [0.01, 0.5, 1.0, 3.0])
def test_weights_are_fitted_as_the_slow_twin_does(spread):
    log_weights = np.random.default_rng(1).normal(size=(4, 400)) * spread - 1000
    np.testing.assert_allclose(pareto_k(log_weights), [slow_twin(row) for row in log_weights], rtol=1e-6)


def test_the_shape_does_not_depend_on_the_scale():
    x = np.sort(generalized_pareto(0.4, (5, 300)), axis=1)
    np.testing.assert_allclose(fit_generalized_pareto(x * 1e-6), fit_generalized_pareto(x), rtol=1e-8)


def test_normalization_and_order_do_not_matter():
    log_weights = np.random.default_rng(2).normal(size=(3, 500))
    shuffled = np.random.default_rng(3).permuted(log_weights, axis=1)
    np.testing.assert_allclose(pareto_k(shuffled + 700), pareto_k(log_weights), rtol=1e-8)


@pytest.mark.parametrize("spread", [10.0, 100.0, 1000.0])
def test_a_few_weights_that_outweigh_all_others_are_never_trusted(spread):
    assert (pareto_k(np.random.default_rng(4).normal(size=(20, 500)) * spread) > 0.7).all()


def test_one_weight_above_equal_others_is_not_trusted():
    log_weights = np.zeros((1, 500))
    log_weights[0, 17] = 40.0
    assert pareto_k(log_weights)[0] > 0.7


def test_equal_weights_are_trusted_even_with_rounding():
    equal = np.full((3, 400), -1e5)
    np.testing.assert_array_equal(pareto_k(equal), 0)
    rounded = (equal + np.random.default_rng(5).choice([0.0, 0.0078125], size=equal.shape)).astype(np.float32)
    assert (pareto_k(rounded) < 0.7).all()


@pytest.mark.parametrize("n_samples", [1, 2, 24])
def test_too_few_draws_have_no_tail(n_samples):
    assert np.isnan(pareto_k(np.zeros((2, n_samples)))).all()
    assert np.isfinite(pareto_k(np.random.default_rng(6).normal(size=(2, 25)))).all()
