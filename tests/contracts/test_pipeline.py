"""The manners of an estimator: pipelines, searches, copies, threads, seeds, tables and images, and no surprise compilations."""

import copy
import io
import pickle

import jax
import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lowerbound import VAE, EvidenceWarning, OutlierDetector
from lowerbound.interface import training
from tests.contracts.registry import (
    ESTIMATORS,
    STOPPED_EARLY,
    assert_same_answers,
    cases,
    compilations,
    counts,
    fitted,
    grey,
    reals,
    with_holes,
)

# One entry of each class goes through the whole battery; its variants (other likelihoods, networks, options) through a short list
# of what they could break: copies, dtypes, rows judged alone, absent verbs, seeds, and what a second fit compiles.
VARIANTS = list(ESTIMATORS)
EVERY = cases(sklearn_checks=True)
EMBEDDING = cases(latents=True, sklearn_checks=True)
DENSE = cases(density=True, sklearn_checks=True)
GAUSSIAN = cases(gaussian=True, sklearn_checks=True)
MISSING = cases(imputes=True, sklearn_checks=True)
ON_TABLES = cases(latents=True, sklearn_checks=True)


# ---- scikit-learn's compositions


@pytest.mark.parametrize("name", ON_TABLES)
@pytest.mark.filterwarnings("ignore::lowerbound.EvidenceWarning")  # equality is asked, not trust
def test_a_pipeline_says_what_its_steps_say(name):
    X, entry = reals(), ESTIMATORS[name]
    scaled = StandardScaler().fit_transform(X)
    pipeline = make_pipeline(StandardScaler(), entry.make()).fit(X)
    alone = entry.make().fit(scaled)
    np.testing.assert_array_equal(pipeline.transform(X), alone.transform(scaled))
    np.testing.assert_allclose(
        pipeline.inverse_transform(pipeline.transform(X)),
        X.mean(axis=0) + X.std(axis=0) * alone.reconstruct(scaled),
        rtol=1e-5,
    )
    if entry.density:
        assert pipeline.score(X) == alone.score(scaled)


@pytest.mark.filterwarnings("ignore::lowerbound.EvidenceWarning")
def test_a_pipeline_passes_y_to_every_step():
    pipeline = make_pipeline(StandardScaler(), ESTIMATORS["VAE"].make())
    X, y = reals(), np.arange(40)
    np.testing.assert_array_equal(pipeline.fit(X, y).transform(X), pipeline.fit(X).transform(X))
    assert np.isfinite(pipeline.score(X, y))


def _under_much_noise():
    """An estimator whose evidence can be trusted on held-out rows, however small its training set."""
    return ESTIMATORS["VAE full covariance"].make(noise_scale=3.0)


def test_a_search_finds_the_cell_that_scores_best_by_hand():
    X = reals(80)
    grid = {"latent_dim": [1, 2], "beta": [0.5, 1.0]}
    folds = KFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(_under_much_noise(), grid, cv=folds).fit(X)
    by_hand = {
        (latent_dim, beta): np.mean(
            [
                _under_much_noise().set_params(latent_dim=latent_dim, beta=beta).fit(X[train]).score(X[test])
                for train, test in folds.split(X)
            ]
        )
        for latent_dim in grid["latent_dim"]
        for beta in grid["beta"]
    }
    found = search.cv_results_
    for parameters, score in zip(found["params"], found["mean_test_score"], strict=True):
        assert score == by_hand[parameters["latent_dim"], parameters["beta"]]
    assert (search.best_params_["latent_dim"], search.best_params_["beta"]) == max(by_hand, key=by_hand.get)


def test_a_search_over_numpy_numbers_works():
    grid = {"latent_dim": np.arange(1, 3), "beta": np.array([0.5, 1.0], np.float32), "warmup_epochs": np.arange(2)}
    search = GridSearchCV(_under_much_noise(), grid, cv=2, refit=False).fit(reals(80))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# ---- copies


@pytest.mark.parametrize("name", EVERY)
def test_a_clone_has_the_hyperparameters_and_nothing_learned(name):
    original = fitted(name)
    twin = clone(original)
    assert str(twin.get_params()) == str(original.get_params())
    assert not [attribute for attribute in vars(twin) if attribute.endswith("_")]


def _through_joblib(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize(
    ("name", "copied"),
    [
        (name, copied)
        for name in EVERY
        for copied in (lambda estimator: pickle.loads(pickle.dumps(estimator)), copy.deepcopy, _through_joblib)
    ],
)
def test_a_copy_gives_the_same_answers_to_the_last_bit(name, copied):
    entry, original = ESTIMATORS[name], fitted(name)
    X = entry.rows()
    assert_same_answers(entry.answers(copied(original), X), entry.answers(original, X))


# ---- threads and processes


@pytest.mark.parametrize("name", ON_TABLES)
def test_fits_in_threads_are_the_fits_of_the_main_thread(name):
    entry = ESTIMATORS[name]
    tables = [reals(seed=0), reals(seed=1)]
    there = joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(entry.make().fit)(X) for X in tables)
    for X, estimator in zip(tables, there, strict=True):
        assert_same_answers(entry.answers(estimator, X), entry.answers(entry.make().fit(X), X))


def test_another_process_fits_and_answers_the_same_numbers():
    X, names = reals(), ("VAE", "PPCA em")
    fits = [joblib.delayed(ESTIMATORS[name].make().fit)(X) for name in names]
    embeddings = [joblib.delayed(fitted(name).transform)(X) for name in names]
    answers = joblib.Parallel(n_jobs=2, backend="loky")(fits + embeddings)
    for name, there, embedded in zip(names, answers[:2], answers[2:], strict=True):
        np.testing.assert_array_equal(there.transform(X), fitted(name).transform(X))
        np.testing.assert_array_equal(embedded, fitted(name).transform(X))


# ---- tables, images and dtypes


@pytest.mark.parametrize("name", ON_TABLES)
def test_a_data_frame_keeps_its_names(name):
    table = pd.DataFrame(reals(), columns=["a", "b", "c"], index=np.arange(40) + 100)
    estimator = ESTIMATORS[name].make().set_output(transform="pandas").fit(table)
    assert list(estimator.feature_names_in_) == ["a", "b", "c"]
    embedded = estimator.transform(table)
    assert list(embedded.columns) == list(estimator.get_feature_names_out())
    np.testing.assert_array_equal(embedded.index, table.index)
    np.testing.assert_array_equal(embedded.to_numpy(), ESTIMATORS[name].make().fit(reals()).transform(reals()))
    with pytest.raises(ValueError, match="must be in the same order"):
        estimator.transform(table[["b", "a", "c"]])


def test_an_outlier_detector_keeps_the_names_of_a_data_frame():
    table = pd.DataFrame(reals(), columns=["a", "b", "c"])
    detector = ESTIMATORS["OutlierDetector"].make().fit(table)
    assert list(detector.feature_names_in_) == ["a", "b", "c"]
    np.testing.assert_array_equal(detector.predict(table), fitted("OutlierDetector").predict(reals()))
    with pytest.raises(ValueError, match="must be in the same order"):
        detector.predict(table[["b", "a", "c"]])


@pytest.mark.filterwarnings(STOPPED_EARLY)
@pytest.mark.filterwarnings("ignore::lowerbound.EvidenceWarning")  # shapes are asked, not trust
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("VAE dequantized", (3, 2)),
        ("VAE categorical", (3, 2)),
        ("Autoencoder", (3, 2, 1)),
        ("PPCA", (3, 2)),
        ("MixtureOfFactorAnalyzers full", (3, 2)),
        ("LinearAutoencoder", (3, 2)),
    ],
)
def test_images_come_out_as_they_went_in(name, shape):
    entry = ESTIMATORS[name]
    X = entry.rows(shape=shape)
    estimator = entry.make(**entry.quick).fit(X)
    assert (estimator.n_features_in_, estimator.input_shape_) == (6, shape)
    embedded = estimator.transform(X)
    assert embedded.shape == (40, entry.code_dim)
    assert estimator.reconstruct(X).shape == estimator.inverse_transform(embedded).shape == (40, *shape)
    if entry.density:
        assert estimator.sample(4).shape == (4, *shape)
    if entry.imputes:
        X = X.astype(np.float64)
        X[3, 1, 1] = np.nan
        assert estimator.impute(X).shape == estimator.imputation(X).lower.shape == X.shape
        assert estimator.impute(X, n_draws=2).shape == (40, 2, *shape)


@pytest.mark.parametrize(
    ("X", "options"),
    [
        (grey(), {"dequantize": True}),
        (grey(), {"likelihood": "bernoulli", "binarize": "threshold"}),
        (grey() > 127, {"likelihood": "bernoulli"}),
        (counts().astype(np.uint8), {"likelihood": "poisson"}),
        (grey(), {}),
    ],
)
def test_bytes_and_bits_stay_so_in_memory(X, options, monkeypatch):
    seen = []
    monkeypatch.setattr(training, "fit_minibatches", lambda model, step, dataset, **rest: seen.append(dataset) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ESTIMATORS["VAE"].make(**options).fit(X)
    assert seen[0].values.dtype == X.dtype
    assert np.shares_memory(seen[0].values, X)


@pytest.mark.parametrize("name", cases(latents=True))
def test_numbers_have_the_dtype_of_the_model(name):
    entry, estimator = ESTIMATORS[name], fitted(name)
    answers = entry.answers(estimator, entry.rows())
    codes = ("transform", "reconstruct", "inverse_transform")
    assert {answers[verb].dtype for verb in codes} == {np.dtype(entry.dtype)}
    if entry.exact:
        assert {answer.dtype for verb, answer in answers.items() if verb not in ("predict", "active_units")} == {
            np.dtype(np.float64)
        }
        assert {leaf.dtype for leaf in jax.tree.leaves(estimator.model_)} == {np.dtype(np.float64)}


# ---- seeds and rows


@pytest.mark.parametrize("name", VARIANTS)
def test_the_same_seed_gives_the_same_numbers(name):
    entry = ESTIMATORS[name]
    again = entry.make().fit(entry.rows())
    assert_same_answers(entry.answers(again, entry.rows()), entry.answers(fitted(name), entry.rows()))


@pytest.mark.parametrize("name", cases(latents=True, seeded=True, sklearn_checks=True))
def test_another_seed_gives_other_numbers(name):
    X = ESTIMATORS[name].rows()
    other = ESTIMATORS[name].make(random_state=1).fit(X)
    assert not np.allclose(other.transform(X), fitted(name).transform(X), atol=1e-3)


@pytest.mark.parametrize("name", cases(latents=True, seeded=False))
def test_a_fit_without_randomness_has_no_use_for_a_seed(name):
    X = ESTIMATORS[name].rows()
    other = ESTIMATORS[name].make(random_state=1).fit(X)
    np.testing.assert_array_equal(other.transform(X), fitted(name).transform(X))
    assert other.objective_ == fitted(name).objective_


def test_a_random_state_object_is_drawn_from():
    X, state = reals(), np.random.RandomState(3)
    first, second = (ESTIMATORS["VAE"].make(random_state=state).fit(X).transform(X) for _ in range(2))
    again = ESTIMATORS["VAE"].make(random_state=np.random.RandomState(3)).fit(X).transform(X)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_row_is_judged_without_its_company_and_place(name):
    entry, estimator = ESTIMATORS[name], fitted(name)
    X = entry.rows()
    # Draws of missing cells are independent between equal rows, by their number among them: here every row is its own.
    holed = np.nan_to_num(with_holes(X), nan=-1.0).reshape(40, -1)
    X = X[np.sort(np.unique(holed, axis=0, return_index=True)[1])]
    whole = entry.per_row(estimator, X)
    order = np.random.default_rng(0).permutation(len(X))
    for rows in (order, order[:1])[: 1 + (name in EVERY)]:
        for verb, answer in entry.per_row(estimator, X[rows]).items():
            np.testing.assert_allclose(answer, whole[verb][rows], rtol=1e-5, atol=1e-5, err_msg=verb)


@pytest.mark.parametrize("name", DENSE)
def test_equal_rows_have_equal_scores_in_chunks_of_any_length(name):
    entry, estimator = ESTIMATORS[name], fitted(name)
    X = np.resize(entry.rows(), (100, *entry.rows().shape[1:]))
    np.testing.assert_allclose(estimator.elbo(X), np.resize(estimator.elbo(X[:40]), 100), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", DENSE)
def test_transform_is_the_same_every_time(name):
    estimator, X = fitted(name), ESTIMATORS[name].rows()
    np.testing.assert_array_equal(estimator.transform(X), estimator.transform(X))


@pytest.mark.parametrize("name", GAUSSIAN)
def test_transform_is_the_posterior_mean(name):
    estimator, X = fitted(name), ESTIMATORS[name].rows()
    np.testing.assert_array_equal(estimator.transform(X), estimator.posterior(X).mean)


@pytest.mark.parametrize("name", cases(exact=True))
def test_log_evidence_that_is_computed_is_every_bound_and_says_so(name):
    estimator, X = fitted(name), ESTIMATORS[name].rows()
    evidence = estimator.log_evidence(X, n_samples=3)
    assert (evidence.exact, evidence.n_samples, evidence.standard_error) == (True, 0, 0.0)
    np.testing.assert_array_equal(evidence.per_row_standard_error, np.zeros(len(X)))
    for same in (estimator.score_samples(X), estimator.elbo(X, n_samples=1), -estimator.outlier_scores(X)):
        np.testing.assert_array_equal(same, evidence.per_row)
    assert estimator.score(X) == evidence.value == pytest.approx(evidence.per_row.mean(), rel=1e-12)
    assert -estimator.objective_ == pytest.approx(evidence.value, abs=1e-6)


@pytest.mark.parametrize("name", MISSING)
def test_a_hole_is_imputed_and_an_observed_cell_left_alone(name):
    estimator, X = fitted(name), with_holes(reals())
    missing = np.isnan(X)
    found = estimator.imputation(X)
    answers = {name: getattr(found, name) for name in ("mean", "scale", "lower", "upper")}
    exact = np.isnan(estimator.log_evidence(X, n_samples=200).pareto_k).all()
    for diagnostic in (found.effective_sample_size, found.pareto_k):
        assert diagnostic.shape == (len(X),)
        assert np.isnan(diagnostic).all() if exact else np.isfinite(diagnostic).all()
    np.testing.assert_array_equal(answers["mean"], estimator.impute(X))
    for answer in answers.values():
        assert np.isfinite(answer).all()
    for cell in ("mean", "lower", "upper"):
        np.testing.assert_array_equal(answers[cell][~missing], X[~missing])
    np.testing.assert_array_equal(answers["scale"][~missing], 0)
    assert np.all(answers["scale"][missing] > 0)
    assert np.all((answers["lower"] < answers["mean"])[missing] & (answers["mean"] < answers["upper"])[missing])
    draws = estimator.impute(X, n_draws=2)
    np.testing.assert_array_equal(draws, estimator.impute(X, n_draws=2))
    np.testing.assert_array_equal(np.swapaxes(draws, 1, 2)[~missing], np.repeat(X[~missing][:, None], 2, axis=1))
    assert np.all(draws[:, 0][missing] != draws[:, 1][missing])
    assert not np.array_equal(draws, estimator.impute(X, n_draws=2, random_state=4))


@pytest.mark.parametrize("name", DENSE)
def test_more_samples_begin_with_the_same_ones(name):
    estimator, X = fitted(name), ESTIMATORS[name].rows()
    np.testing.assert_array_equal(estimator.sample(5), estimator.sample(9)[:5])
    np.testing.assert_array_equal(estimator.sample(5, random_state=3), estimator.sample(5, random_state=3))
    assert not np.array_equal(estimator.sample(5, random_state=3), estimator.sample(5, random_state=4))
    x, z = estimator.sample(5, random_state=3, return_latents=True)
    np.testing.assert_array_equal(x, estimator.sample(5, random_state=3))
    assert z.shape == (5, ESTIMATORS[name].code_dim)
    draws = [estimator.sample_posterior(X, 2, random_state=seed) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


# ---- what an estimator is and is not


@pytest.mark.parametrize(("name", "verb"), [(name, verb) for name in VARIANTS for verb in ESTIMATORS[name].absent])
def test_a_verb_that_cannot_be_honoured_is_absent_and_says_why(name, verb):
    for estimator in (ESTIMATORS[name].make(), fitted(name)):
        assert not hasattr(estimator, verb)
        with pytest.raises(AttributeError) as caught:
            getattr(estimator, verb)
        chain = str(caught.value)
        assert type(estimator).__name__ in chain
        assert ESTIMATORS[name].absent[verb] in chain


@pytest.mark.parametrize("name", EVERY)
def test_fit_leaves_the_hyperparameters_alone(name):
    estimator = ESTIMATORS[name].make()
    before = estimator.get_params(deep=False)
    assert estimator.fit(ESTIMATORS[name].rows()) is estimator
    after = estimator.get_params(deep=False)
    assert all(after[key] is value for key, value in before.items())


@pytest.mark.parametrize("name", EMBEDDING)
def test_history_has_a_number_an_epoch(name):
    estimator, n_epochs = fitted(name), ESTIMATORS[name].n_epochs
    assert {len(column) for column in estimator.history_.values()} == {estimator.n_iter_}
    if n_epochs is not None:
        assert estimator.n_iter_ == n_epochs
    assert 1 <= estimator.best_epoch_ <= estimator.n_iter_
    if ESTIMATORS[name].exact:
        assert np.all(np.diff(estimator.history_["log_evidence"]) >= -1e-9)
        np.testing.assert_array_equal(estimator.history_["loss"], -estimator.history_["log_evidence"])
        assert estimator.history_["loss"][-1] == pytest.approx(estimator.objective_, abs=1e-9)
    assert estimator.status_.ok
    assert np.isfinite(estimator.objective_)


# ---- compilation, and the user's settings


def test_a_fit_compiles_its_block_once():
    with compilations() as compiled:
        ESTIMATORS["VAE"].make(hidden=(7,)).fit(reals(shape=(7,)))
    assert compiled["jit(train_block)"] == 1


@pytest.mark.filterwarnings("ignore::lowerbound.EvidenceWarning")  # of no account here
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", VARIANTS)
def test_a_second_fit_of_the_same_shapes_compiles_nothing(name):
    entry = ESTIMATORS[name]
    entry.answers(entry.make().fit(entry.rows()), entry.rows())
    with compilations() as compiled:
        entry.make(random_state=5, **entry.retuned).fit(entry.rows(37, seed=1))
        entry.answers(entry.make(**entry.retuned).fit(entry.rows()), entry.rows())
    assert not compiled


@pytest.mark.parametrize(
    "changed",
    [
        {"learning_rate": 0.01},
        {"beta": 0.5},
        {"beta": 2.0, "warmup_epochs": 3},
        {"free_bits": 0.1},
        {"max_epochs": 3},
        {"patience": 2},
        {"max_gradient_norm": 1.0},
        {"noise_scale": 0.3},
        {"random_state": 9},
    ],
)
def test_a_change_of_a_number_compiles_nothing(changed):
    entry = ESTIMATORS["VAE"]
    entry.make().fit(entry.rows())
    with compilations() as compiled:
        entry.make(**changed).fit(entry.rows())
    assert not compiled


@pytest.mark.parametrize("name", EVERY)
def test_the_users_settings_are_left_alone(name):
    entry = ESTIMATORS[name]
    settings, drawn = dict(jax.config.values), np.random.mtrand._rand.get_state()[1].copy()
    entry.answers(entry.make().fit(entry.rows()), entry.rows())
    assert dict(jax.config.values) == settings
    np.testing.assert_array_equal(np.random.mtrand._rand.get_state()[1], drawn)


def test_grey_rows_are_binarized_once_for_every_verb_and_model():
    # The mean of posterior draws is the posterior's mean only if both saw the same bits.
    X = np.random.default_rng(0).uniform(size=(50, 12))
    vae = VAE(likelihood="bernoulli", binarize="dynamic", hidden=(16,), max_epochs=5, random_state=0).fit(X)
    draws, posterior = vae.sample_posterior(X, 2000, random_state=3), vae.posterior(X)
    z = (draws.mean(axis=1) - posterior.mean) / (posterior.scale / np.sqrt(2000))
    assert np.abs(z).max() < 4.5


def test_a_ranking_does_not_warn_of_an_estimate_that_cannot_be_trusted():
    vae = VAE(latent_dim=3, variance="fixed", noise_scale=0.05, hidden=(4,), max_epochs=1, random_state=0).fit(reals())
    with pytest.warns(EvidenceWarning, match="Pareto k-hat"):
        per_row = vae.log_evidence(reals(), n_samples=200).per_row
    np.testing.assert_allclose(vae.outlier_scores(reals(), method="log_evidence"), -per_row, rtol=1e-6)


def test_an_outlier_beyond_all_measure_is_an_outlier():
    X = reals(200)
    detector = OutlierDetector(ESTIMATORS["VAE"].make(), method="log_evidence")
    detector.fit(X)
    far = X[:1].copy()
    far[0, 0] = 1e25
    assert detector.predict(far) == [-1]
