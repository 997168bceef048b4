"""The compiled loop: exact optima, a slow twin in plain Python, and every way in which a fit can end."""

import logging
import os
import signal
import threading
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree
from sklearn.decomposition import FactorAnalysis

from lowerbound.data.batches import epoch_order, plan
from lowerbound.data.dataset import Dataset
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.evaluate.posterior import encode
from lowerbound.fit.block import evaluate_objective
from lowerbound.fit.gradient_step import GradientStep
from lowerbound.fit.loop import fit_minibatches
from lowerbound.fit.optimizer import Adam
from lowerbound.objectives.elbo import ELBO
from lowerbound.objectives.objective import AbstractObjective
from lowerbound.objectives.squared_error import SquaredError
from tests.fit.algorithms import Costly, Counting, Critics, Players, TwoPlayers
from tests.linear_gaussian import as_dataset, batch_of, linear_gaussian, posterior_gap, read_back

TRUTH = linear_gaussian()
X = TRUTH.sample(150, seed=0)


def fit(
    model,
    objective=None,
    data=None,
    *,
    learning_rate=0.01,
    max_epochs=3,
    batch_size=32,
    seed=0,
    decay="none",
    validation=None,
    **more,
):
    data = as_dataset(X) if data is None else data
    objective = ELBO() if objective is None else objective
    steps = max_epochs * plan(len(data), batch_size=batch_size).steps_per_epoch
    step = GradientStep(objective, Adam(learning_rate, steps, decay=decay))
    if validation is not None:  # rows of one data set, as estimators have them
        more |= {
            "training_rows": np.arange(len(data)),
            "validation_rows": len(data) + np.arange(len(validation)),
        }
        data = as_dataset(np.concatenate([data.values, validation.values]))
    return fit_minibatches(model, step, data, max_epochs=max_epochs, batch_size=batch_size, seed=seed, **more)


def measured_by(objective):
    """The algorithm whose evaluation is that of an objective."""
    return GradientStep(objective, Adam(1.0, 1))


def start(family="full"):
    """A model away from the optimum."""
    return TRUTH.vae(family=family, shift=0.3, stretch=1.3)


def vector_of(model):
    return np.asarray(ravel_pytree(eqx.filter(model, eqx.is_inexact_array))[0])


# Exact optima


class FrozenDecoder(AbstractObjective):
    """The ELBO as a function of the encoder alone."""

    def __call__(self, model, batch, key, step):
        frozen = eqx.tree_at(lambda m: m.encoder, jax.lax.stop_gradient(model), model.encoder)
        return ELBO()(frozen, batch, key, step)


@pytest.mark.parametrize("family", ["full", "diagonal"])
def test_full_covariance_closes_the_gap_that_a_diagonal_one_leaves(family):
    untrained = linear_gaussian(seed=9).vae(family=family).encoder
    model = eqx.tree_at(lambda m: m.encoder, TRUTH.vae(family=family), untrained)
    fitted = fit(model, FrozenDecoder(), learning_rate=0.03, max_epochs=500, decay="cosine").model
    np.testing.assert_array_equal(read_back(fitted).weight, read_back(model).weight)
    gap = posterior_gap(fitted, X)
    if family == "full":
        assert 0 <= gap < 0.01
    else:
        assert TRUTH.diagonal_gap() > 1
        assert TRUTH.diagonal_gap() <= gap * (1 + 1e-6)  # no diagonal Gaussian is closer
        assert gap < TRUTH.diagonal_gap() + 0.01


@pytest.mark.parametrize("family", ["full", "diagonal"])
def test_the_joint_fit_reaches_the_maximum_likelihood_of_factor_analysis(family):
    # With the decoder free, the diagonal family gets there too: rotating W makes A diagonal at no cost in likelihood.
    best = FactorAnalysis(2, tol=1e-10, max_iter=20_000, svd_method="lapack").fit(X).score(X)
    fitted = fit(start(family), learning_rate=0.1, max_epochs=500, decay="cosine").model
    reached = read_back(fitted).log_evidence(X).mean()
    assert reached <= best + 1e-4
    assert reached > best - 0.02
    assert 0 <= posterior_gap(fitted, X) < 0.02
    assert best > TRUTH.log_evidence(X).mean()


# The slow twin


def test_the_loop_is_the_plain_python_loop():
    rows, batch_size, epochs, seed = X[:10], 4, 3, 5
    key = jax.random.split(jax.random.key(seed))[0]
    objective, model = ELBO(beta=0.7, warmup_steps=5), start()
    parameters, static = eqx.partition(model, eqx.is_inexact_array)
    reference = optax.adam(optax.cosine_decay_schedule(0.05, 9))
    state, step, losses = reference.init(parameters), 0, []
    gradient_of = eqx.filter_jit(
        lambda p, batch, key, step: jax.value_and_grad(
            lambda p: objective(eqx.combine(p, static), batch, key, step)[0]
        )(p)
    )
    for epoch in range(1, epochs + 1):
        order, total = epoch_order(10, seed=seed, epoch=epoch), 0.0
        for minibatch in np.array_split(order, 3):  # 4 + 3 + 3 rows
            padded = np.resize(minibatch, 4)
            weight = (np.arange(4) < len(minibatch)).astype(float)
            objective_key = jax.random.split(jax.random.fold_in(key, step))[1]
            batch = batch_of(rows[padded], weight)
            loss, gradient = gradient_of(parameters, batch, objective_key, jnp.asarray(step))
            with jax.numpy_dtype_promotion("standard"):  # Optax divides by an integer count
                updates, state = reference.update(gradient, state)
            parameters = optax.apply_updates(parameters, updates)
            total, step = total + float(loss) * len(minibatch), step + 1
        losses.append(total / 10)
    result = fit(
        model, objective, as_dataset(rows), learning_rate=0.05, max_epochs=epochs, batch_size=batch_size, seed=seed,
        decay="cosine",
    )  # fmt: skip
    np.testing.assert_allclose(vector_of(result.model), vector_of(parameters), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(result.history["loss"], losses, rtol=1e-5)
    assert result.steps == step == 9


def test_missing_cells_leave_the_fit_unmoved_by_what_stands_in_them():
    observed = np.random.default_rng(1).random(X.shape) < 0.8
    models = [
        fit(start(), data=as_dataset(np.where(observed, X, fill), observed), batch_size=50).model for fill in (0.0, 1e6)
    ]
    np.testing.assert_array_equal(*map(vector_of, models))
    assert np.isfinite(vector_of(models[0])).all()


# Seeds


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not():
    first, again, other = (fit(start(), seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(vector_of(first.model), vector_of(again.model))
    for name, values in first.history.items():
        np.testing.assert_array_equal(values, again.history[name])
    assert (vector_of(first.model) != vector_of(other.model)).any()


# Which parameters come back


def test_the_best_parameters_are_kept_when_validation_worsens():
    elsewhere = as_dataset(linear_gaussian(seed=8).sample(40, seed=1))
    model = linear_gaussian(seed=5).vae(family="full")
    result = fit(model, learning_rate=0.05, max_epochs=30, validation=elsewhere, seed=2)
    watched = result.history["validation_loss"]
    assert watched[-1] > watched.min() + 0.1  # the scenario: it does worsen
    assert result.best_epoch == watched.argmin() + 1
    assert result.objective == watched.min()
    evaluation_key = jax.random.split(jax.random.key(2))[1]
    again = evaluate_objective(result.model, measured_by(ELBO()), elsewhere, batch_size=32, key=evaluation_key)
    assert again["loss"] == result.objective
    assert (result.status.code, result.status.ok) == ("max_epochs", True)


def test_patience_ends_the_fit():
    elsewhere = as_dataset(linear_gaussian(seed=8).sample(40, seed=1))
    model = linear_gaussian(seed=5).vae(family="full")
    result = fit(model, learning_rate=0.05, max_epochs=30, validation=elsewhere, seed=2, patience=3)
    whole = fit(model, learning_rate=0.05, max_epochs=30, validation=elsewhere, seed=2)
    watched = whole.history["validation_loss"]
    waited = next(e for e in range(1, 31) if e - (watched[:e].argmin() + 1) >= 3)
    assert len(result.history["loss"]) == waited
    np.testing.assert_array_equal(result.history["validation_loss"], watched[:waited])
    assert result.objective == watched[:waited].min()
    assert result.status.code == "early_stopping"
    assert f"after epoch {result.best_epoch}" in result.status.message


def test_the_objective_is_that_of_the_returned_model_without_validation_too():
    result = fit(start(), ELBO(beta=2.0, warmup_steps=1000), seed=6)
    evaluation_key = jax.random.split(jax.random.key(6))[1]
    # Schedules at their end: the weight of the KL is 2, not what the warm-up has come to.
    again = evaluate_objective(
        result.model, measured_by(ELBO(beta=2.0)), as_dataset(X), batch_size=32, key=evaluation_key
    )
    np.testing.assert_allclose(result.objective, again["loss"], rtol=1e-6)
    np.testing.assert_allclose(again["loss"], 2 * again["kl"] - again["log_likelihood"], rtol=1e-5)
    assert (result.best_epoch, result.steps) == (3, 3 * plan(150, batch_size=32).steps_per_epoch)


def test_evaluation_is_a_mean_over_rows_whatever_the_batches():
    # The exact posterior with the sampled KL gives log p(x) for every draw, so keys and batches must not show.
    found = [
        evaluate_objective(
            TRUTH.vae(), measured_by(ELBO(kl="sampled")), as_dataset(X), batch_size=size, key=jax.random.key(size)
        )
        for size in (7, 32, 1000)
    ]
    np.testing.assert_allclose([numbers["bound"] for numbers in found], TRUTH.log_evidence(X).mean(), rtol=1e-5)


# Bad ends


class ExplodesAt(AbstractObjective):
    """The ELBO until a step; from there on a loss, or only a gradient, that is not finite."""

    step: jax.Array
    loss_too: jax.Array

    def __call__(self, model, batch, key, step):
        loss, metrics = ELBO()(model, batch, key, step)
        late = (step >= self.step) & (step < 2**29)  # not in evaluations, which look at the end of schedules
        # The square root has a finite value and an infinite slope at zero.
        crack = jnp.sqrt(jnp.where(late, 0.0, 1.0) * jnp.sum(model.decoder.network.layers[0].bias ** 2))
        return loss + jnp.where(late, crack + jnp.where(self.loss_too, jnp.inf, 0.0), 0.0), metrics


@pytest.mark.parametrize("loss_too", [True, False], ids=["loss", "gradient only"])
def test_the_last_finite_parameters_come_back(loss_too):
    result = fit(start(), ExplodesAt(jnp.asarray(7), jnp.asarray(loss_too)), max_epochs=4)
    assert result.steps == 7
    assert (result.status.code, result.status.ok) == ("non_finite", False)
    assert "learning_rate=0.0033" in result.status.message
    assert "max_gradient_norm" in result.status.message
    assert len(result.history["loss"]) == 2  # 5 steps an epoch
    assert np.isfinite(result.history["loss"]).all()
    assert np.isfinite(vector_of(result.model)).all()
    assert np.isfinite(result.objective)
    # At the first step of the second epoch: the parameters are, to the last bit, those of a fit of one epoch.
    result = fit(start(), ExplodesAt(jnp.asarray(5), jnp.asarray(loss_too)), max_epochs=4)
    plain = fit(start(), ExplodesAt(jnp.asarray(10**6), jnp.asarray(loss_too)), max_epochs=1)
    assert result.steps == plain.steps == 5
    np.testing.assert_array_equal(vector_of(result.model), vector_of(plain.model))


def test_an_explosion_at_the_first_step_returns_the_start():
    result = fit(start(), ExplodesAt(jnp.asarray(0), jnp.asarray(True)), max_epochs=4)
    assert result.steps == 0
    assert result.status.code == "non_finite"
    assert "extreme values in X" in result.status.message
    np.testing.assert_array_equal(vector_of(result.model), vector_of(start()))


def test_a_mad_learning_rate_ends_with_the_remedy():
    result = fit(start(), learning_rate=1e10, max_epochs=50)
    assert result.status.code == "non_finite"
    assert "Try learning_rate=3.3e+09" in result.status.message
    assert np.isfinite(vector_of(result.model)).all()


def test_an_explosion_after_validation_returns_the_best_epoch():
    result = fit(start(), ExplodesAt(jnp.asarray(12), jnp.asarray(True)), max_epochs=4, validation=as_dataset(X[:20]))
    assert result.status.code == "non_finite"
    assert result.best_epoch in (1, 2)
    assert {len(values) for values in result.history.values()} == {3}
    assert np.isnan(result.history["validation_loss"][-1])
    assert np.isfinite(result.objective)


def test_ctrl_c_ends_a_long_fit_within_two_seconds():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        fit(start(), max_epochs=1)  # compiled beforehand
        sent = []

        def press():
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(1.0, press)
        timer.start()
        result = fit(start(), max_epochs=10**6)
        waited = time.monotonic() - sent[0]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert waited < 2
    assert (result.status.code, result.status.ok) == ("interrupted", False)
    assert result.steps > 0
    assert len({len(values) for values in result.history.values()}) == 1
    assert np.isfinite(vector_of(result.model)).all()
    assert np.isfinite(result.objective)


def test_ctrl_c_during_validation_keeps_the_epoch_that_was_validated(monkeypatch):
    epochs = []

    def evaluate_and_press(*arguments, **options):
        found = evaluate_objective(*arguments, **options)
        epochs.append(found["loss"])
        if len(epochs) == 2:
            signal.raise_signal(signal.SIGINT)
        return found

    monkeypatch.setattr("lowerbound.fit.loop.evaluate_objective", evaluate_and_press)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = fit(start(), max_epochs=100, validation=as_dataset(X[:20]))
    finally:
        signal.signal(signal.SIGINT, before)
    assert epochs[1] < epochs[0]  # the scenario: the second epoch is the best
    assert (result.status.code, result.best_epoch, result.objective) == ("interrupted", 2, epochs[1])
    assert len(result.history["validation_loss"]) == len(epochs) == 2


# Histories and compilations


def test_histories_have_equal_lengths_and_bound_is_log_likelihood_less_kl():
    result = fit(start(), max_epochs=4, validation=as_dataset(X[:20]))
    names = {"loss", "bound", "log_likelihood", "kl"}
    assert set(result.history) == names | {f"validation_{name}" for name in names}
    assert {values.shape for values in result.history.values()} == {(4,)}
    for part in ("", "validation_"):
        gap = result.history[f"{part}log_likelihood"] - result.history[f"{part}kl"]
        np.testing.assert_allclose(result.history[f"{part}bound"], gap, rtol=1e-5)


def test_a_second_fit_of_other_numbers_compiles_nothing(caplog):
    fit(start(), ELBO(beta=1.0), max_epochs=2, validation=as_dataset(X[:20]))
    with caplog.at_level(logging.WARNING), jax.log_compiles(True):
        fit(
            linear_gaussian(seed=3).vae(),
            ELBO(beta=0.5, warmup_steps=3, free_bits=0.2),
            as_dataset(X[:148]),  # the same bucket of rows
            learning_rate=0.5,
            max_epochs=3,
            validation=as_dataset(X[30:50]),
            seed=9,
        )
    compiled = [record.getMessage() for record in caplog.records if "Compiling" in record.getMessage()]
    assert not [message for message in compiled if "block" in message or "one_step" in message]


def test_every_row_counts_the_same_in_an_epochs_mean():
    # Rows of exact log p(x) known: with a learning rate near zero the epoch's mean bound is their mean.
    result = fit(TRUTH.vae(), ELBO(kl="sampled"), as_dataset(X[:101]), learning_rate=1e-12, max_epochs=1)
    np.testing.assert_allclose(result.history["bound"], TRUTH.log_evidence(X[:101]).mean(), rtol=1e-5)


def test_grey_levels_are_treated_inside_the_loop():
    grey = np.random.default_rng(0).integers(0, 256, size=(64, 5)).astype(np.uint8)
    preprocessing = Preprocessing(grey.mean(axis=0), grey.std(axis=0), 255.0, "dequantize")
    late = fit(start(), data=Dataset(grey, preprocessing), max_epochs=2)
    assert np.isfinite(late.history["loss"]).all()
    # Reported in the user's units: the log-determinant of the standardization is in the bound.
    model_units = fit(start(), data=as_dataset((grey + 0.5 - grey.mean(axis=0)) / grey.std(axis=0)), max_epochs=2)
    difference = late.history["bound"] - model_units.history["bound"]
    np.testing.assert_allclose(difference, -np.log(grey.std(axis=0)).sum(), atol=0.5)


# States: to be stored, and to go on from


def _through_a_file(state, path):
    """The state's leaves written as plain arrays and read back."""
    leaves, structure = jax.tree.flatten(state)
    np.savez(path, *(np.asarray(leaf) for leaf in leaves))
    with np.load(path) as stored:
        read = [stored[f"arr_{i}"] for i in range(len(leaves))]
    assert all(one.dtype == np.asarray(other).dtype for one, other in zip(read, leaves, strict=True))
    return jax.tree.unflatten(structure, read)


@pytest.mark.parametrize("stop", [(1, 1), (2, 0), (3, 2)], ids=["in the first epoch", "between epochs", "later"])
def test_a_fit_goes_on_from_a_stored_state_to_the_same_last_bit(tmp_path, monkeypatch, stop):
    monkeypatch.setattr("lowerbound.fit.block._BLOCK_WORK", 1.0)  # blocks of one step
    options = {"max_epochs": 4, "validation": as_dataset(X[:20]), "patience": 3}
    kept = []

    def keep(state):
        if (int(state.epoch) + 1, int(state.block)) == stop or (stop[1] == 0 and int(state.epoch) + 1 == stop[0] == 2):
            kept.append(state)

    whole = fit(start(), **options, after_block=keep)
    state = _through_a_file(kept[0], tmp_path / "state.npz")
    rest = fit(start(), **options, state=state)
    np.testing.assert_array_equal(vector_of(rest.model), vector_of(whole.model))
    assert rest.history.keys() == whole.history.keys()
    for name, values in whole.history.items():
        np.testing.assert_array_equal(rest.history[name], values)
    assert (rest.steps, rest.best_epoch, rest.objective) == (whole.steps, whole.best_epoch, whole.objective)


def test_local_state_is_refined_once_an_epoch_and_padding_is_never_written_back():
    rows = np.random.default_rng(0).normal(size=(37, 3)).astype(np.float32)  # 37 rows in batches of 32: padding
    kept = []
    fit_minibatches(
        Counting(jnp.ones(1)),
        GradientStep(SquaredError(), Adam(1e-3, 10)),
        as_dataset(rows),
        max_epochs=3,
        batch_size=32,
        seed=0,
        after_block=lambda state: kept.append(np.array(state.local)),
    )
    counts, first_cells = kept[-1].T
    np.testing.assert_array_equal(counts, 3.0)
    np.testing.assert_array_equal(first_cells, rows[:, 0])


def test_new_rows_get_local_state_of_their_own_at_the_boundary():
    rows = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    codes = encode(Counting(jnp.ones(1)), as_dataset(rows), key=jax.random.key(0))
    np.testing.assert_array_equal(codes, rows[:, :1])


def test_an_alternating_algorithm_runs_in_the_same_loop():
    rows = np.full((64, 3), 2.0, np.float32)
    states = []
    result = fit_minibatches(
        Players(jnp.zeros(3), jnp.zeros(3)),
        TwoPlayers(jnp.asarray(0.5)),
        as_dataset(rows),
        max_epochs=20,
        batch_size=16,
        seed=0,
        after_block=states.append,
    )
    np.testing.assert_allclose((result.model.first, result.model.second), 2.0, rtol=1e-3)
    np.testing.assert_array_equal(states[-1].moving.memory, [40.0, 40.0])
    assert (result.status.code, result.steps) == ("max_epochs", 80)


def fit_counting(rows, **options):
    return fit_minibatches(
        Counting(jnp.ones(1)),
        GradientStep(SquaredError(), Adam(1e-3, 10)),
        as_dataset(rows),
        batch_size=32,
        seed=0,
        **options,
    )


def test_the_local_state_of_the_training_rows_comes_back_in_their_order():
    rows = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    order = np.random.default_rng(1).permutation(37)
    counts, first_cells = fit_counting(rows, max_epochs=3, training_rows=order).local.T
    np.testing.assert_array_equal(counts, 3.0)
    np.testing.assert_array_equal(first_cells, rows[order, 0])
    assert fit(start(), max_epochs=1).local is None


def test_the_local_state_is_that_of_the_best_epoch():
    # Nothing depends on the parameters: the loss is the same in each epoch, and the first one is the best.
    rows = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    result = fit_counting(rows, max_epochs=3, training_rows=np.arange(37), validation_rows=np.arange(37, 50))
    assert result.best_epoch == 1
    np.testing.assert_array_equal(result.local[:, 0], 1.0)


def test_the_local_state_comes_back_after_ctrl_c():
    rows = np.random.default_rng(0).normal(size=(37, 3)).astype(np.float32)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = fit_counting(rows, max_epochs=9, after_block=lambda state: signal.raise_signal(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.status.code == "interrupted"
    np.testing.assert_array_equal(result.local[:, 0], 1.0)


def test_blocks_are_sized_by_the_work_of_a_step_and_the_objective_uses_the_state_that_is_kept():
    blocks = []
    result = fit_minibatches(
        Costly(jnp.zeros((64, 64))),
        GradientStep(SquaredError(), Adam(1e-3, 10)),
        as_dataset(np.ones((300, 3), np.float32)),
        max_epochs=1,
        batch_size=32,
        seed=0,
        after_block=blocks.append,
    )
    assert (len(blocks), result.steps) == (1, 10)
    # Kept codes are 0; those of rows that the model has not seen are 1, and would fit perfectly.
    assert result.objective == result.history["loss"][0] > 0


def test_an_evaluation_that_finds_local_state_is_cut_to_single_minibatches(monkeypatch):
    # A loop that ends by a condition does not say how often it runs.
    sizes = []

    def evaluate_and_count(*arguments):
        sizes.append(arguments[-1].weight.shape[0])
        return {"loss": np.zeros(()), "rows": np.ones(())}

    monkeypatch.setattr("lowerbound.fit.block._evaluate_block", evaluate_and_count)
    evaluate_objective(
        Costly(jnp.zeros((4, 4))), measured_by(SquaredError()), as_dataset(np.ones((300, 3), np.float32)),
        batch_size=32, key=jax.random.key(0),
    )  # fmt: skip
    assert sizes == [1] * 10


def fit_critics(**options):
    return fit_minibatches(
        Players(jnp.zeros(3), jnp.zeros(3)),
        Critics(jnp.asarray(0.2)),
        as_dataset(np.full((64, 3), 2.0, np.float32)),
        max_epochs=options.pop("max_epochs", 40),
        batch_size=16,
        training_rows=np.arange(48),
        validation_rows=np.arange(48, 64),
        seed=options.pop("seed", 0),
        **options,
    )


def test_a_second_player_lives_in_the_memory_of_the_step():
    states = []
    result = fit_critics(after_block=states.append)
    np.testing.assert_allclose(result.model.first, 2.0, atol=0.05)
    np.testing.assert_allclose(states[-1].moving.memory.layers[0].weight, 0.0, atol=0.05)  # nothing left to tell
    assert len(jax.tree.leaves(result.model)) == 2  # no critic
    assert result.history["validation_critic"][0] != 0.0  # the evaluation sees it
    # The critic starts where the seed says.
    first = [fit_critics(max_epochs=1, seed=seed).history["critic"][0] for seed in (0, 0, 1)]
    assert first[0] == first[1] != first[2]


def test_a_fit_with_a_second_player_goes_on_to_the_same_last_bit(tmp_path):
    kept = []
    whole = fit_critics(max_epochs=6, after_block=kept.append)
    rest = fit_critics(max_epochs=6, state=_through_a_file(kept[2], tmp_path / "state.npz"))
    np.testing.assert_array_equal(vector_of(rest.model), vector_of(whole.model))
    for name, values in whole.history.items():
        np.testing.assert_array_equal(rest.history[name], values)
