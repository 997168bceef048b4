"""The EM loop: monotone for every model and shown not to be for broken ones; at the maximum by gradient, L-BFGS and others."""

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.optimize import minimize
from sklearn.mixture import GaussianMixture

from lowerbound.data.datum import Datum
from lowerbound.fit.em import best_start, fit_em
from lowerbound.models.full_gaussian import FullGaussian
from lowerbound.models.linear_gaussian import LinearGaussian
from lowerbound.models.mixture import Mixture
from lowerbound.objectives.expectation_maximization import AbstractExpectationMaximization
from lowerbound.objectives.factor_analysis import CovarianceChunk, CovarianceEM
from lowerbound.objectives.factor_analyzers import FactorAnalyzersEM
from lowerbound.objectives.full_gaussians import FullGaussiansEM
from tests.contracts.registry import compilations
from tests.gaussians import FLOOR, chunk_of, factor_analyzer, mixture, mixture_of, random_patterns, stack, textbook

N_ROWS = 300


def apart(noise="diagonal", *, latent_dim=1, seed=2):
    """Two clusters of six features, well apart."""
    model = mixture(2, 6, latent_dim, noise=noise, seed=seed)
    return eqx.tree_at(lambda m: m.components.mean, model, 3 * model.components.mean)


def moved(model, by=0.3, *, seed=0):
    """The model with all parameters somewhere else (triangles stay triangles)."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: leaf + by * rng.normal(size=leaf.shape) * (leaf != 0), model)


FACTORS, _ = textbook(factor_analyzer(8, 2, seed=3)).sample(N_ROWS, seed=0)
CLUSTERS, _ = textbook(apart()).sample(N_ROWS, seed=0)
HOLES = {8: random_patterns(N_ROWS, 8, share=0.2, seed=1), 6: random_patterns(N_ROWS, 6, share=0.2, seed=1)}


class Case(eqx.Module):
    """A problem, where to start, rows, and what is observed of them."""

    problem: Any
    start: Any
    X: np.ndarray
    observed: np.ndarray

    def chunks(self):
        if not isinstance(self.start, Mixture):
            return CovarianceChunk(np.cov(self.X.T, bias=True)[None], np.array([float(len(self.X))]))
        return stack(chunk_of(self.X, None if self.observed.all() else self.observed))

    def fit(self, data=None, *, start=None, tol=1e-12, max_iter=3000, accelerate=True):
        return fit_em(
            self.problem, self.start if start is None else start, self.chunks() if data is None else data,
            tol=tol, max_iter=max_iter, n_rows=N_ROWS, accelerate=accelerate,
        )  # fmt: skip


def factor_case(noise="diagonal", *, covariance, few_columns=128):
    """Factor analysis or probabilistic PCA, from the covariance, or from rows with holes."""
    model = factor_analyzer(8, 2, noise=noise, seed=50)
    model = LinearGaussian(FACTORS.mean(axis=0), model.loadings, model.log_variance, FLOOR, (8,))
    if covariance:
        return Case(CovarianceEM(few_columns), model, FACTORS, np.ones((N_ROWS, 8), bool))
    return Case(FactorAnalyzersEM(shared_noise=False), mixture_of(model), FACTORS, HOLES[8])


def cluster_case(noise="diagonal", *, latent_dim=1, shared=False, holes=False):
    """Mixtures of factor analyzers, or of Gaussians."""
    observed = HOLES[6] if holes else np.ones((N_ROWS, 6), bool)
    if noise != "full":
        start = moved(apart(noise, latent_dim=latent_dim))
        return Case(FactorAnalyzersEM(shared_noise=shared), start, CLUSTERS, observed)
    root = np.linalg.cholesky(textbook(apart()).covariance)
    start = Mixture(np.log([0.5, 0.5]), FullGaussian(apart().components.mean, root, FLOOR, (6,)))
    return Case(FullGaussiansEM(shared_noise=shared), moved(start), CLUSTERS, observed)


CASES = {
    "covariance, diagonal": factor_case(covariance=True),
    "covariance, many columns": factor_case(covariance=True, few_columns=0),
    "covariance, isotropic": factor_case("isotropic", covariance=True),
    "factor analysis, holes": factor_case(covariance=False),
    "own diagonal, holes": cluster_case(holes=True),
    "own isotropic": cluster_case("isotropic"),
    "shared diagonal": cluster_case(shared=True),
    "shared isotropic, holes": cluster_case("isotropic", shared=True, holes=True),
    "no factors, own diagonal, holes": cluster_case(latent_dim=0, holes=True),
    "full, holes": cluster_case("full", holes=True),
    "full, shared": cluster_case("full", shared=True),
}
QUICK = "own isotropic"
every_case = pytest.mark.parametrize("name", CASES)


@cache
def fitted(name, *, accelerate=True):
    """The fit of a case to the end: look, do not change it."""
    return CASES[name].fit(accelerate=accelerate)


def assert_rising(history):
    assert np.diff(history["log_evidence"]).min() >= -1e-9


def mean_evidence(model, X, observed):
    """Of the rows, weights brought to sum to one and triangles to be triangles, as functions of all numbers."""
    if isinstance(model, Mixture):
        part = model.components
        if isinstance(part, FullGaussian):
            part = FullGaussian(part.mean, jnp.tril(part.cholesky), part.variance_floor, part.event_shape)
        model = Mixture(jax.nn.log_softmax(model.log_weight), part)
    return jnp.mean(jax.vmap(lambda x, seen: model.log_evidence(Datum(x, seen)))(X, observed))


@eqx.filter_jit
def value_and_gradient(model, X, observed):
    return jax.value_and_grad(mean_evidence)(model, X, observed)


# Monotone


@every_case
@pytest.mark.parametrize("accelerate", [True, False], ids=["accelerated", "plain"])
def test_the_evidence_never_falls(name, accelerate):
    result = fitted(name, accelerate=accelerate)
    assert_rising(result.history)
    assert result.history["log_evidence"][-1] > result.history["log_evidence"][0] + 0.01
    np.testing.assert_array_equal(result.history["loss"], -result.history["log_evidence"])


class Broken(AbstractExpectationMaximization):
    """A problem whose M-step is spoiled."""

    sound: AbstractExpectationMaximization
    spoil: Callable = eqx.field(static=True)

    def statistics(self, model, chunk):
        return self.sound.statistics(model, chunk)

    def maximize(self, model, statistics):
        return self.spoil(self.sound.maximize(model, statistics))

    def at_e_step(self, model, statistics):
        return self.sound.at_e_step(model, statistics)

    def unconstrained(self, model):
        return self.sound.unconstrained(model)

    def with_unconstrained(self, model, parameters):
        return self.sound.with_unconstrained(model, parameters)


def half_the_noise(model):
    where = (lambda m: m.components.log_variance) if isinstance(model, Mixture) else (lambda m: m.log_variance)
    return eqx.tree_at(where, model, where(model) - np.log(2))


def a_wrong_sign(model):
    flip = np.where(np.arange(model.components.mean.shape[1]) == 2, -1.0, 1.0)
    return eqx.tree_at(lambda m: m.components.loadings, model, model.components.loadings * flip[:, None])


def a_triangle_transposed(model):
    swapped = jnp.linalg.cholesky(jnp.swapaxes(model.components.cholesky, 1, 2) @ model.components.cholesky)
    return eqx.tree_at(lambda m: m.components.cholesky, model, swapped)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("covariance, diagonal", half_the_noise),
        ("own diagonal, holes", a_wrong_sign),
        ("full, holes", a_triangle_transposed),
    ],
)
def test_a_broken_m_step_is_found_out(name, spoil):
    case = CASES[name]
    broken = Case(Broken(case.problem, spoil), fitted(name).model, case.X, case.observed)
    for accelerate in (True, False):
        result = broken.fit(max_iter=20, tol=0.0, accelerate=accelerate)
        with pytest.raises(AssertionError):
            assert_rising(result.history)


# At the maximum


@every_case
def test_the_end_is_a_stationary_point_of_the_evidence(name):
    case, result = CASES[name], fitted(name)
    assert result.status.code == "converged"
    with jax.enable_x64(True):
        value, gradient = jax.device_get(value_and_gradient(result.model, case.X, case.observed))
    np.testing.assert_allclose(value, -result.objective, rtol=1e-12)
    if getattr(case.problem, "shared_noise", False):
        part = gradient.components
        noise = part.cholesky if isinstance(part, FullGaussian) else part.log_variance
        assert np.abs(noise).max() > 1e-3  # each cluster would like noise of its own: only their sum is at rest
        where = "cholesky" if isinstance(part, FullGaussian) else "log_variance"
        gradient = eqx.tree_at(lambda g: getattr(g.components, where), gradient, noise.sum(axis=0))
    for leaf in jax.tree.leaves(gradient):
        np.testing.assert_allclose(leaf, 0, atol=2e-5)


@pytest.mark.parametrize("name", ["factor analysis, holes", "own diagonal, holes"])
def test_the_gradient_path_comes_to_the_same_maximum(name):
    case, result = CASES[name], fitted(name)
    with jax.enable_x64(True):
        flat, back = ravel_pytree(jax.tree.map(jnp.asarray, moved(result.model, 0.2, seed=1)))
        start = np.asarray(flat)

    def loss(vector):
        with jax.enable_x64(True):
            value, gradient = value_and_gradient(back(vector), case.X, case.observed)
            return -float(value), -np.asarray(ravel_pytree(gradient)[0])

    assert loss(start)[0] > result.objective + 0.1
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-14, "gtol": 1e-8})
    np.testing.assert_allclose(found.fun, result.objective, atol=1e-6)


@pytest.mark.parametrize("kind", ["diag", "tied"])
def test_plain_steps_without_factors_are_those_of_scikit_learn(kind):
    case = cluster_case("diagonal" if kind == "diag" else "full", latent_dim=0, shared=kind == "tied")
    start = case.start
    if kind == "tied":
        root = np.tile(start.components.cholesky[:1], (2, 1, 1))
        start = eqx.tree_at(lambda m: m.components.cholesky, start, root)
    found = case.fit(start=start, tol=0.0, max_iter=12, accelerate=False)
    precision = np.linalg.inv(textbook(start).covariance)
    given = {"diag": np.diagonal(precision, axis1=1, axis2=2), "tied": precision[0]}
    weight = np.exp(start.log_weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # twelve steps, by intention
        other = GaussianMixture(
            2, covariance_type=kind, tol=0, reg_covar=0, max_iter=12, means_init=start.components.mean,
            weights_init=weight / weight.sum(), precisions_init=given[kind],
        ).fit(CLUSTERS)  # fmt: skip
    np.testing.assert_allclose(found.history["log_evidence"][1:], other.lower_bounds_[1:], rtol=1e-10)


# Acceleration


@every_case
def test_acceleration_changes_the_way_and_not_the_end(name):
    fast, plain = fitted(name), fitted(name, accelerate=False)
    np.testing.assert_allclose(fast.objective, plain.objective, atol=1e-8)


@pytest.mark.parametrize("name", ["covariance, many columns", "factor analysis, holes", "own diagonal, holes"])
def test_acceleration_saves_steps(name):
    fast, plain = fitted(name), fitted(name, accelerate=False)
    assert 2 * fast.steps < plain.steps
    assert fast.steps >= len(fast.history["loss"])  # rejected extrapolations are steps that do not count
    assert plain.steps == len(plain.history["loss"])


# Rows in chunks, and weights


def parts_of(case, n_chunks):
    rows = np.array_split(np.arange(N_ROWS), n_chunks)
    return [chunk_of(case.X[part], case.observed[part]) for part in rows]


def test_a_stream_is_the_stack():
    case = CASES["own diagonal, holes"]
    parts = parts_of(case, 3)
    stacked = case.fit(stack(*parts), max_iter=9)
    passes = []

    def stream():
        passes.append(1)
        yield from parts

    streamed = case.fit(stream, max_iter=9)
    assert (streamed.status, streamed.steps) == (stacked.status, stacked.steps)
    assert len(passes) == streamed.steps
    np.testing.assert_allclose(streamed.history["loss"], stacked.history["loss"], rtol=1e-12)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9), streamed.model, stacked.model)
    whole = fitted("own diagonal, holes")
    np.testing.assert_allclose(stacked.history["loss"], whole.history["loss"][:9], rtol=1e-9)


def test_a_weight_of_two_is_a_row_twice():
    case = CASES[QUICK]
    weight = np.random.default_rng(0).permutation(np.arange(N_ROWS) % 3)  # as many rows in all
    weighted = case.fit(stack(chunk_of(case.X, weight=weight.astype(float))), max_iter=40)
    repeated = case.fit(stack(chunk_of(np.repeat(case.X, weight, axis=0))), max_iter=40)
    length = min(len(weighted.history["loss"]), len(repeated.history["loss"]))
    np.testing.assert_allclose(weighted.history["loss"][:length], repeated.history["loss"][:length], rtol=1e-11)
    np.testing.assert_allclose(weighted.objective, repeated.objective, rtol=1e-11)


# How a fit ends


@pytest.mark.parametrize("max_iter", [1, 2, 3, 4, 7, 11])
def test_the_history_is_as_long_as_was_asked_for_and_ends_at_the_returned_parameters(max_iter):
    case = CASES[QUICK]
    result = case.fit(max_iter=max_iter)
    assert (result.status.code, result.status.ok) == ("max_iter", False)
    assert "Raise max_iter" in result.status.message
    assert {len(values) for values in result.history.values()} == {max_iter}
    # At its end a fit goes up and down by rounding: the parameters are those of the highest iteration.
    assert result.objective == result.history["loss"].min() == result.history["loss"][result.best_epoch - 1]
    np.testing.assert_allclose(result.objective, result.history["loss"][-1], rtol=1e-13)
    # Blocks do not show: the history is the beginning of that of a longer fit.
    np.testing.assert_allclose(result.history["loss"], fitted(QUICK).history["loss"][:max_iter], rtol=1e-13)
    reached = textbook(result.model).log_evidence(case.X, case.observed).mean()
    np.testing.assert_allclose(-result.objective, reached, rtol=1e-11)


@pytest.mark.parametrize("accelerate", [True, False], ids=["accelerated", "plain"])
def test_the_status_says_what_the_last_cycle_gained_and_what_was_asked(accelerate):
    case, length, unit = CASES["own diagonal, holes"], 3 if accelerate else 1, "cycle" if accelerate else "step"
    first = case.fit(max_iter=length, accelerate=accelerate).status.message
    assert first == f"stopped after max_iter = {length} iterations, within the first {unit}. Raise max_iter."
    result = case.fit(max_iter=length + 1, tol=1e-9, accelerate=accelerate)
    gain = np.ptp(result.history["log_evidence"])  # over one cycle, from its start to that of the next
    twice = ", twice in a row" if accelerate else ""
    assert result.status.message == (
        f"stopped after max_iter = {length + 1} iterations; the last {unit} raised log p(x) by {gain:.2g} nats per row, and "
        f"tol = 1e-09 asks for less{twice}. Raise max_iter or tol."
    )
    # So it is asked: with a tol above the gain of one cycle, an accelerated fit goes on for another one.
    on = case.fit(max_iter=30, tol=10.0, accelerate=accelerate)
    assert (on.status.code, len(on.history["loss"])) == ("converged", 2 * length + 1 if accelerate else 2)


def test_the_covariance_loop_returns_the_parameters_of_its_objective_too():
    result = CASES["covariance, diagonal"].fit(max_iter=5)
    reached = textbook(result.model).log_evidence(FACTORS, np.ones(FACTORS.shape, bool)).mean()
    np.testing.assert_allclose(-result.objective, reached, rtol=1e-11)


@pytest.mark.parametrize("accelerate", [True, False], ids=["accelerated", "plain"])
def test_tol_is_what_the_last_cycles_gained(accelerate):
    tol, case = 1e-4, CASES["own diagonal, holes"]
    result = case.fit(tol=tol, accelerate=accelerate)
    assert (result.status.code, result.status.ok) == ("converged", True)
    assert f"tol = {tol:g}" in result.status.message
    history = result.history["log_evidence"]
    if not accelerate:
        assert np.diff(history)[-1] < tol
        assert (np.diff(history)[:-1] >= tol).all()
    assert -result.objective > -fitted("own diagonal, holes").objective - 100 * tol
    assert len(history) < len(fitted("own diagonal, holes", accelerate=accelerate).history["loss"])


@pytest.mark.parametrize("accelerate", [True, False], ids=["accelerated", "plain"])
def test_a_tol_of_zero_goes_on_to_the_end(accelerate):
    # Long after convergence, where the differences are rounding of either sign.
    result = CASES[QUICK].fit(tol=0.0, max_iter=400, accelerate=accelerate)
    assert len(result.history["loss"]) == 400
    assert result.status.message == "stopped after max_iter = 400 iterations, as tol = 0 asks. Raise max_iter for more."
    assert np.ptp(result.history["loss"][-50:]) < 1e-12
    assert_rising(result.history)


class ExplodesAbove(AbstractExpectationMaximization):
    """A problem whose log p(x) is not a number above a level."""

    sound: AbstractExpectationMaximization
    level: jax.Array

    def statistics(self, model, chunk):
        found = self.sound.statistics(model, chunk)
        bad = found.log_evidence > self.level * found.weight
        return eqx.tree_at(lambda s: s.log_evidence, found, jnp.where(bad, jnp.nan, found.log_evidence))

    def maximize(self, model, statistics):
        return self.sound.maximize(model, statistics)

    def at_e_step(self, model, statistics):
        return self.sound.at_e_step(model, statistics)

    def unconstrained(self, model):
        return self.sound.unconstrained(model)

    def with_unconstrained(self, model, parameters):
        return self.sound.with_unconstrained(model, parameters)


def test_the_last_finite_parameters_come_back():
    case, sound = CASES[QUICK], fitted(QUICK, accelerate=False)
    level = sound.history["log_evidence"][6] - 1e-9
    exploding = Case(ExplodesAbove(case.problem, np.asarray(level)), case.start, case.X, case.observed)
    plain = exploding.fit(accelerate=False)
    assert (plain.status.code, plain.status.ok) == ("non_finite", False)
    assert "iteration 7" in plain.status.message
    assert "noise_floor" in plain.status.message
    np.testing.assert_allclose(plain.history["loss"], sound.history["loss"][:6], rtol=1e-13)
    reached = textbook(plain.model).log_evidence(case.X, case.observed).mean()
    np.testing.assert_allclose(-plain.objective, reached, rtol=1e-11)
    # An extrapolation into the abyss is taken back; a plain step into it is the end.
    fast = exploding.fit(accelerate=True)
    assert fast.status.code == "non_finite"
    assert np.isfinite(fast.history["loss"]).all()
    assert fast.objective == fast.history["loss"].min()
    assert_rising(fast.history)


def test_rows_beyond_the_range_of_numbers_leave_the_start():
    case = CASES[QUICK]
    X = case.X.copy()
    X[0, 0] = 1e200
    result = Case(case.problem, case.start, X, case.observed).fit()
    assert result.status.code == "non_finite"
    assert len(result.history["loss"]) == 0
    jax.tree.map(np.testing.assert_array_equal, result.model, case.start)


@pytest.mark.parametrize("streamed", [False, True], ids=["stacked", "streamed"])
def test_ctrl_c_ends_a_long_fit_within_two_seconds(streamed):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    case = CASES[QUICK]
    data = (lambda: iter([chunk_of(case.X)])) if streamed else case.chunks()
    try:
        case.fit(data, max_iter=5)  # compiled beforehand
        sent = []

        def press():
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(0.7, press)
        timer.start()
        result = case.fit(data, tol=0.0, max_iter=10**9)
        waited = time.monotonic() - sent[0]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert waited < 2
    assert (result.status.code, result.status.ok) == ("interrupted", False)
    assert 0 < len(result.history["loss"]) <= result.steps
    assert result.objective == result.history["loss"].min()


# Precision and compilation


def test_fits_compute_in_double_and_leave_jax_as_it_was():
    assert not jax.config.jax_enable_x64
    result = CASES[QUICK].fit(max_iter=3)
    assert not jax.config.jax_enable_x64
    assert jnp.ones(1).dtype == np.float32
    leaves = [*jax.tree.leaves(result.model), *result.history.values()]
    assert all(type(leaf) is np.ndarray and leaf.dtype == np.float64 for leaf in leaves)
    with jax.enable_x64(True):
        again = CASES[QUICK].fit(max_iter=3)
        assert jax.config.jax_enable_x64
    jax.tree.map(np.testing.assert_array_equal, result.model, again.model)


@pytest.mark.parametrize("streamed", [False, True], ids=["stacked", "streamed"])
def test_a_second_fit_of_other_numbers_compiles_nothing(streamed):
    case = CASES[QUICK]
    other = Case(case.problem, moved(apart("isotropic"), seed=5), CLUSTERS[::-1] + 0.1, case.observed)

    def data(of):
        return (lambda: iter([chunk_of(of.X)])) if streamed else of.chunks()

    case.fit(data(case), max_iter=9)
    with compilations() as compiled:
        other.fit(data(other), tol=1e-3, max_iter=150)
        other.fit(data(other), tol=0.0, max_iter=5, accelerate=False)
    assert not compiled


# Several starts


@pytest.mark.parametrize("streamed", [False, True], ids=["stacked", "streamed"])
def test_the_best_of_several_starts_goes_on(streamed):
    case, n_steps = CASES[QUICK], 4
    starts = [moved(case.start, 0.5, seed=seed) for seed in range(3)]
    alone = [case.fit(start=start, tol=0.0, max_iter=n_steps + 1, accelerate=False) for start in starts]
    data = (lambda: iter([chunk_of(case.X)])) if streamed else case.chunks()
    together = jax.tree.map(lambda *leaves: np.stack(leaves), *starts)
    model, reached = best_start(case.problem, together, data, n_steps=n_steps)
    np.testing.assert_allclose(reached, [one.history["log_evidence"][n_steps - 1] for one in alone], rtol=1e-11)
    assert len(np.unique(reached)) == 3
    chosen = alone[int(np.argmax(reached))].model  # after as many M-steps
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-9), model, chosen)
    assert all(type(leaf) is np.ndarray and leaf.dtype == np.float64 for leaf in jax.tree.leaves(model))


def test_a_start_that_explodes_is_not_chosen():
    case = CASES[QUICK]
    bad = jax.tree.map(lambda leaf: np.full(leaf.shape, np.nan), case.start)
    together = jax.tree.map(lambda *leaves: np.stack(leaves), bad, case.start)
    model, reached = best_start(case.problem, together, case.chunks(), n_steps=2)
    assert np.isnan(reached[0])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(model))
