"""Bad input: one clear ValueError that names the owner, the constraint and what it got; nothing is half-fitted afterwards."""

import inspect
from typing import Literal, get_args, get_origin

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from lowerbound import VAE, Autoencoder, OutlierDetector
from lowerbound.data.dataset import split_rows
from lowerbound.interface.base import seed_of
from tests.contracts.polars import Polars
from tests.contracts.registry import DENSITY, ESTIMATORS, cases, counts, fitted, grey, reals

EVERY = cases(sklearn_checks=True)  # one of each class
EMBEDDING = cases(sklearn_checks=True, latents=True)
WITHOUT_HOLES = cases(sklearn_checks=True, missing=False)
WITH_HOLES = cases(sklearn_checks=True, missing=True)


def with_cell(X, value, *cells):
    """The table with some cells replaced."""
    X = X.copy()
    for cell in cells or [(1, 2)]:
        X[cell] = value
    return X


def assert_refused(estimator, X, message):
    """Fit raises one ValueError with these words, and leaves no attribute behind."""
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=message):
        estimator.fit(X)
    assert vars(estimator) == before
    assert not hasattr(estimator, "model_")


# ---- data

NOT_ROWS = {
    "no rows": (np.zeros((0, 3)), r"0 sample\(s\) .* minimum of 2 is required by OWNER"),
    "one row": (np.zeros((1, 3)), r"1 sample\(s\) .* minimum of 2 is required by OWNER"),
    "no features": (np.zeros((5, 0)), r"0 feature\(s\) .* minimum of 1 is required by OWNER"),
    "images without cells": (
        np.zeros((5, 0, 2)),
        r"X of OWNER must have at least one cell per row; got shape \(5, 0, 2\)",
    ),
    "one dimension": (
        np.zeros(5),
        r"X of OWNER must have two or more dimensions, rows first; got shape \(5,\)\. Reshape",
    ),
    "no dimension": (
        np.array(3.0),
        r"X of OWNER must have two or more dimensions, rows first; got shape \(\)\. Reshape",
    ),
    "a path": (
        "rows.csv",
        r"X of OWNER must be an array or a data frame; got the path 'rows\.csv'\. Read the file first",
    ),
    "complex numbers": (np.ones((5, 3)) * 1j, "Complex data not supported"),
    "infinity": (
        with_cell(reals(), np.inf),
        r"X of OWNER must be FINITE; got 1 such cells in 1 rows, first X\[1, 2\] = inf",
    ),
    "minus infinity in an image": (
        with_cell(reals(shape=(2, 2)), -np.inf, (3, 1, 0)),
        r"X of OWNER must be FINITE; got 1 such cells in 1 rows, first X\[3, 1, 0\] = -inf",
    ),
    "text in a data frame": (
        pd.DataFrame({"age": [1.0, 2.0], "town": ["Bath", "York"], "name": ["A", "B"]}),
        r"X of OWNER must be numeric; got text in column 'town' \('Bath'\), 'name' \('A'\)\. Encode",
    ),
    "text in an object array": (
        np.array([[1.0, "x"], [2.0, "y"]], object),
        r"X of OWNER must be numeric; got text in column 1 \('x'\)\. Encode",
    ),
    "text in a list": ([["a", 1.0], ["b", 2.0]], r"X of OWNER must be numeric; got text in column 0 \('a'\)\. Encode"),
    "a blank behind NA": ([["1", 1.0], ["NA ", 2.0]], r"got text in column 0 \('NA '\)\. Encode"),
    "numbers as text": (
        np.array([["1", "2"], ["3", "4.5"]]),
        r"got numbers written as text in column 0 \('1'\), 1 \('2'\)\. Convert it, as by X\.astype\(float\)\.",
    ),
    "numbers as text in a data frame": (
        pd.DataFrame({"a": [1, 2], "b": ["3", None]}, dtype=object),
        r"got numbers written as text in column 'b' \('3'\)\. Convert it",
    ),
    "dates": (
        np.zeros((5, 2), "datetime64[D]"),
        r"got dates in column 0 \(1970-01-01\), 1 .* Convert it to the time since",
    ),
    "dates in a data frame": (
        pd.DataFrame({"a": [1, 2], "day": pd.to_datetime(["2020-01-05", None])}),
        r"X of OWNER must be numeric; got dates in column 'day' \(2020-01-05T.*\)\. Convert it to the time since",
    ),
    "durations in a data frame": (
        pd.DataFrame({"a": [1, 2], "took": pd.to_timedelta([3, 4], unit="s")}),
        r"X of OWNER must be numeric; got durations in column 'took' \(3\d* \w*seconds\)\. Convert it to a number of one unit",
    ),
    "categories of numbers": (
        pd.DataFrame({"a": [1, 2], "kind": pd.Categorical([7, 8])}),
        r"X of OWNER must be numeric; got categories in column 'kind' \(7\)\. Encode .* codes by astype\(float\)",
    ),
    "several kinds": (
        pd.DataFrame({"town": ["Bath", "York"], "day": pd.to_datetime(["2020", "2021"]), "z": ["A", "B"]}),
        r"got text in column 'town' \('Bath'\), 'z' \('A'\); dates in column 'day' \(.*\)\. Text: Encode.* Dates: Convert",
    ),
    "a polars frame with text": (
        Polars({"a": [1.0, None], "town": ["Bath", "York"]}),
        r"X of OWNER must be numeric; got text in column 'town' \('Bath'\)\. Encode",
    ),
    "a dictionary": (
        np.array([[1.0, {"foo": 1}], [2.0, 3.0]], object),
        r"X of OWNER must be numeric; got \{'foo': 1\} in column 1 \(float\(\) argument must be .*'dict'\)",
    ),
    "an integer beyond float64": (
        [[1, 10**400], [2, 3]],
        r"got integers beyond the range of float64 in column 1 \(10000.*…\)\. Rescale",
    ),
    "infinity in a data frame": (
        pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, np.inf]}),
        r"X of OWNER must be FINITE; got 1 such cells in 1 rows, first X\[1, 'b'\] = inf",
    ),
    "correlations": (
        np.corrcoef(reals(shape=(4,)), rowvar=False),
        r"X of OWNER must hold rows of data, not their correlations .*; got a symmetric matrix .*, 4 x 4\. Give the rows",
    ),
    "covariances": (
        np.cov(reals(shape=(4,)), rowvar=False),
        r"X of OWNER must hold rows of data, not their correlations .*; got a symmetric matrix .*, 4 x 4\. Give the rows",
    ),
    "covariances in a data frame": (
        pd.DataFrame(reals(), columns=list("abc")).cov(),
        r"X of OWNER must hold rows of data, .*; got the same labels on rows and columns, 3 x 3\. Give the rows",
    ),
}


def message_of(entry, message):
    """The message with what differs from one estimator to another: who checks the data, and whether NaN has a meaning."""
    finite = r"finite, or NaN where a cell is missing" if entry.missing else r"finite \(no NaN, no inf\)"
    return message.replace("OWNER", entry.owner).replace("FINITE", finite)


@pytest.mark.parametrize("case", NOT_ROWS)
@pytest.mark.parametrize("name", EVERY)
def test_data_that_are_no_finite_rows(name, case):
    X, message = NOT_ROWS[case]
    assert_refused(ESTIMATORS[name].make(), X, message_of(ESTIMATORS[name], message))


@pytest.mark.parametrize("name", WITHOUT_HOLES)
def test_holes_where_they_have_no_meaning(name):
    X = with_cell(reals(), np.nan, (1, 2), (1, 0), (7, 1), (9, 1))
    cells = r"got 4 such cells in 3 rows, first X\[1, 0\] = nan, X\[1, 2\] = nan, X\[7, 1\] = nan\."
    message = message_of(
        ESTIMATORS[name], rf"X of OWNER must be FINITE; {cells} .* impute them with PPCA, FactorAnalysis, Mixture"
    )
    assert_refused(ESTIMATORS[name].make(), X, message)


@pytest.mark.parametrize("name", WITH_HOLES)
def test_an_infinity_among_holes(name):
    X = with_cell(with_cell(reals(), np.nan, (0, 1), (1, 0)), -np.inf)
    message = message_of(
        ESTIMATORS[name], r"X of OWNER must be FINITE; got 1 such cells in 1 rows, first X\[1, 2\] = -inf"
    )
    assert_refused(ESTIMATORS[name].make(), X, message)


@pytest.mark.parametrize("name", WITH_HOLES)
def test_a_column_without_any_cell(name):
    X = with_cell(reals(shape=(5,)), np.nan, (slice(None), 1), (slice(None), 3), (2, 0))
    owner = ESTIMATORS[name].owner
    message = rf"X of {owner} must have an observed cell( of positive weight)? in every column; got none in column 1, 3\. Leave"
    assert_refused(ESTIMATORS[name].make(), X, message)


@pytest.mark.parametrize("name", EVERY)
def test_numbers_beyond_what_is_computed_with(name):
    entry = ESTIMATORS[name]
    limit = "1e150" if entry.dtype == "float64" else "float32"
    message = rf"X of {entry.owner} must be within the range of {limit}; got X\[1, 2\] = -?1e\+300. Rescale X"
    assert_refused(entry.make(), with_cell(reals(), -1e300), message)


OUTSIDE = {
    "grey for bernoulli": (
        with_cell(counts() // 2, 0.5),
        {"likelihood": "bernoulli"},
        r"X of VAE must hold zeros and ones \(or set binarize=\) for the Bernoulli likelihood; got X\[1, 2\] = 0\.5",
    ),
    "bytes for bernoulli": (
        grey(),
        {"likelihood": "bernoulli"},
        r"X of VAE must hold zeros and ones .* likelihood; got X\[0, 0\] = \d+\. Choose",
    ),
    "negative counts": (
        with_cell(counts(), -1),
        {"likelihood": "poisson"},
        r"X of VAE must hold .* Poisson likelihood; got X\[1, 2\] = -1",
    ),
    "fractional counts": (
        with_cell(counts(), 1.5),
        {"likelihood": "poisson"},
        r"X of VAE must hold .* Poisson likelihood; got X\[1, 2\] = 1\.5",
    ),
    "fractional codes": (
        with_cell(counts(), 1.5),
        {"likelihood": "categorical"},
        r"X of VAE must hold .* Categorical likelihood; got X\[1, 2\] = 1\.5",
    ),
    "negative codes": (
        with_cell(counts(), -1),
        {"likelihood": "categorical"},
        r"X of VAE must hold .* Categorical likelihood; got X\[1, 2\] = -1",
    ),
    "white above one": (
        with_cell(np.zeros((40, 3)), 1.5),
        {"likelihood": "bernoulli", "binarize": "dynamic"},
        r"X of VAE must hold grey values in \[0, 1\] to be binarized; got X\[1, 2\] = 1\.5",
    ),
    "fractional grey levels": (
        with_cell(grey().astype(float), 1.5),
        {"dequantize": True},
        r"X of VAE must hold integer grey levels 0 to 255 for dequantize=True; got X\[1, 2\] = 1\.5",
    ),
    "grey levels above white": (
        with_cell(grey().astype(float), 256),
        {"dequantize": True},
        r"X of VAE must hold integer grey levels 0 to 255 .*; got X\[1, 2\] = 256",
    ),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_data_outside_the_support(case):
    X, options, message = OUTSIDE[case]
    assert_refused(ESTIMATORS["VAE"].make(**options), X, message)


# ---- hyperparameters


NUMBERS = {
    "latent_dim": [0, -1, 10_001, 2.5, True, "2", None],
    "n_clusters": [0, -1, 41, 2.5, True, "2", None],
    "n_init": [0, 2.5, None],
    "n_pseudo_inputs": [0, 2.5, None],
    "shared_noise": [1, "yes", None],
    "noise_floor": [0, -1, 1, np.nan, None],
    "tol": [-1, np.nan, np.inf, "small", None],
    "max_iter": [0, 1.5, None],
    "hidden": ["abc", (0,), (8, -1), (2.5,), 8, None, (True,)],
    "channels": ["abc", (), (0,), 8, None],
    "max_epochs": [0, 1.5, None],
    "batch_size": [0, "all"],
    "learning_rate": [0, -1e-3, np.nan, np.inf, "fast"],
    "max_gradient_norm": [0, -1, np.nan],
    "validation_fraction": [1, -0.1, 1.5, np.nan, None],
    "patience": [0, -1, 2.5],
    "random_state": ["seed", -1, 1.5, 2**32],
    "standardize": [1, "yes", None],
    "verbose": [2, "yes"],
    "noise_scale": [0, -1, np.inf],
    "dequantize": [1, None],
    "n_importance_samples": [0, 2.5],
    "beta": [-1, np.nan, np.inf, "1", None],
    "warmup_epochs": [-1, 0.5],
    "free_bits": [-0.1, np.nan],
}


def _names(name):
    """Hyperparameters of an estimator that take names, and the names."""
    choices = {}
    for parameter, about in inspect.signature(type(ESTIMATORS[name].make())).parameters.items():
        parts = (about.annotation, *get_args(about.annotation))
        literals = [part for part in parts if get_origin(part) is Literal]
        if literals:
            choices[parameter] = get_args(literals[0])
    return choices


def _bad_hyperparameters():
    for name in EMBEDDING:
        known, accepted = ESTIMATORS[name].make().get_params(), ESTIMATORS[name].accepted
        yield from (
            (name, parameter, value)
            for parameter in NUMBERS
            if parameter in known
            for value in NUMBERS[parameter]
            if value not in accepted.get(parameter, ())
        )
        yield from ((name, parameter, value) for parameter in _names(name) for value in ("nonsense", 3))


@pytest.mark.parametrize(("name", "parameter", "value"), list(_bad_hyperparameters()))
def test_a_hyperparameter_out_of_range(name, parameter, value):
    estimator = ESTIMATORS[name].make(**{parameter: value})
    assert_refused(estimator, reals(), rf"^{parameter}(\[\d\])? of {name} must be .*; got .+\.$")


@pytest.mark.parametrize("name", EMBEDDING)
def test_every_hyperparameter_that_can_be_wrong_is_tried(name):
    assert set(ESTIMATORS[name].make().get_params()) <= {*NUMBERS, *_names(name)}


@pytest.mark.parametrize("name", EMBEDDING)
def test_the_message_lists_the_names_there_are(name):
    for parameter, choices in _names(name).items():
        with pytest.raises(ValueError, match="'nonsense'") as caught:
            ESTIMATORS[name].make(**{parameter: "nonsense"}).fit(reals())
        assert all(repr(choice) in str(caught.value) for choice in choices)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"dequantize": True, "likelihood": "bernoulli"},
            r"dequantize of VAE must be False for likelihood='bernoulli'",
        ),
        ({"dequantize": True, "likelihood": "poisson"}, r"dequantize of VAE must be False for likelihood='poisson'"),
        ({"binarize": "dynamic"}, r"binarize of VAE must be None for likelihood='gaussian'; got 'dynamic'"),
        (
            {"binarize": "none", "likelihood": "poisson"},
            r"binarize of VAE must be None for likelihood='poisson'; got 'none'",
        ),
        ({"free_bits": 0.1, "kl": "sampled"}, r"free_bits of VAE must be 0 unless .* kl='closed_form'.*; got 0\.1"),
        ({"free_bits": 0.1, "objective": "importance_weighted"}, r"free_bits of VAE must be 0 unless objective='elbo'"),
        (
            {"beta": 2.0, "objective": "importance_weighted"},
            r"beta and warmup_epochs of VAE must be 1 and 0 .*; got 2\.0 and 0",
        ),
        ({"warmup_epochs": 3, "objective": "importance_weighted"}, r"beta and warmup_epochs .*; got 1\.0 and 3"),
    ],
)
def test_options_that_contradict_each_other(options, message):
    assert_refused(ESTIMATORS["VAE"].make(**options), grey(), message)


# ---- images


@pytest.mark.parametrize("name", ["VAE conv", "Autoencoder conv"])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (3,),
            r"must hold images, \(n, height, width\) or .* for network='conv'; got rows of shape \(3,\)\. Reshape it",
        ),
        ((8, 8, 1, 1), r"must hold images, .*; got rows of shape \(8, 8, 1, 1\)"),
        ((8, 8, 2), r"must hold images with 1 or 3 channels, .*; got 2 channels in rows of shape \(8, 8, 2\)"),
        ((8, 8, 4), r"must hold images with 1 or 3 channels, .*; got 4 channels .* or use network='mlp'"),
        ((1, 1), r"must hold images of at least 4 x 4 pixels, .* channels=\(2, 3\) halves them; got 1 x 1\."),
        ((8, 3), r"got 8 x 3\. .* One colour image is a row: X\[None\]\."),
        ((3, 9, 3), r"must hold images of at least 4 x 4 pixels, .*; got 3 x 9\. Take fewer layers"),
    ],
)
def test_images_that_a_convolutional_network_cannot_take(name, shape, message):
    assert_refused(ESTIMATORS[name].make(channels=(2, 3)), reals(shape=shape), message)


def test_images_of_mixed_sizes_are_named():
    images = [np.zeros((8, 8)), np.zeros((8, 8)), np.zeros((9, 8))]
    for X in (images, [np.zeros((8, 8)).tolist(), np.zeros((8, 8)).tolist(), np.zeros((9, 8)).tolist()]):
        assert_refused(
            ESTIMATORS["VAE conv"].make(),
            X,
            r"X of VAE must have rows of one shape; got \(8, 8\) in row 0 and \(9, 8\) in row 2",
        )
    objects = np.empty(3, object)
    objects[:] = images
    assert_refused(
        ESTIMATORS["VAE conv"].make(),
        objects,
        r"X of VAE must have rows of one shape; got \(8, 8\) .* \(9, 8\) in row 2",
    )


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[[1, 2], [3]], [[1, 2], [3, 4]]], r"X of VAE must have rows of one shape, .*; row 0 is ragged\."),
        ([[[1, 2], [3, 4]], [[1, 2], [3]]], r"X of VAE must have rows of one shape, .*; row 1 is ragged\."),
        (pd.DataFrame({"a": [[1, 2], [3]], "b": [1, 2]}), r"X of VAE must have rows of one shape"),
    ],
)
def test_ragged_rows_are_named(X, message):
    assert_refused(ESTIMATORS["VAE"].make(), X, message)


# ---- OutlierDetector


@pytest.mark.parametrize("estimator", [3, None, "VAE", VAE, PCA()])
def test_a_detector_around_something_else(estimator):
    assert_refused(
        OutlierDetector(estimator), reals(), r"estimator of OutlierDetector must be .* such as VAE\(\); got "
    )


@pytest.mark.parametrize("contamination", [0, -0.1, 0.51, 1, np.nan, "auto", None])
def test_a_contamination_out_of_range(contamination):
    message = r"contamination of OutlierDetector must be a number above 0 and at most 0\.5; got "
    assert_refused(ESTIMATORS["OutlierDetector"].make().set_params(contamination=contamination), reals(), message)


@pytest.mark.parametrize(("estimator", "method"), [(VAE(), "nonsense"), (Autoencoder(), "kl")])
def test_a_method_that_the_estimator_has_not(estimator, method):
    detector = OutlierDetector(estimator).set_params(method=method)
    assert_refused(detector, reals(), rf"method of OutlierDetector must be None or .*'reconstruction'; got '{method}'")


# ---- after the fit


@pytest.mark.parametrize("name", EVERY)
def test_other_shapes_than_in_fit(name):
    estimator = fitted(name)
    with pytest.raises(ValueError, match=r"X has 4 features, but \w+ is expecting 3 features"):
        estimator.outlier_scores(reals(shape=(4,)))
    with pytest.raises(ValueError, match=r"X of \w+ must have rows of shape \(3,\), as in fit; got \(3, 1\)"):
        estimator.outlier_scores(reals(shape=(3, 1)))
    with pytest.raises(ValueError, match=r"X of \w+ must have two or more dimensions"):
        estimator.outlier_scores(reals()[0])
    entry = ESTIMATORS[name]
    for value in (np.inf,) if entry.missing else (np.inf, np.nan):
        message = message_of(entry, rf"X of OWNER must be FINITE; got 1 .* first X\[1, 2\] = {value}")
        with pytest.raises(ValueError, match=message):
            estimator.outlier_scores(with_cell(reals(), value))
    with pytest.raises(ValueError, match=r"minimum of 1 is required"):
        estimator.outlier_scores(np.zeros((0, 3)))


def test_values_outside_the_support_after_the_fit():
    with pytest.raises(ValueError, match=r"X of VAE must hold .* Categorical likelihood; got X\[1, 2\] = 17"):
        fitted("VAE categorical").transform(with_cell(counts(), 17))


@pytest.mark.parametrize("name", EMBEDDING)
def test_latents_of_another_shape(name):
    columns = ESTIMATORS[name].code_dim
    with pytest.raises(ValueError, match=rf"Z of {name} must have latent_dim = {columns} columns; got {columns + 1}"):
        fitted(name).inverse_transform(np.zeros((4, columns + 1)))
    with pytest.raises(ValueError, match="Z contains NaN"):
        fitted(name).inverse_transform(np.full((4, columns), np.nan))


@pytest.mark.parametrize(
    ("verb", "options", "message"),
    [
        ("sample", {"n_samples": 0}, "n_samples of VAE must be a whole number, at least 1; got 0"),
        ("sample", {"random_state": 2**40}, "random_state of VAE must be .*; got 1099511627776"),
        ("log_evidence", {"X": reals(), "n_samples": 0}, "n_samples of VAE must be .* at least 1; got 0"),
        (
            "log_evidence",
            {"X": reals(), "method": "annealed"},
            "method of VAE must be None or 'importance_sampling'; got 'annealed'",
        ),
        ("elbo", {"X": reals(), "n_samples": -3}, "n_samples of VAE must be .* at least 1; got -3"),
        ("sample_posterior", {"X": reals(), "n_draws": 0}, "n_draws of VAE must be .* at least 1; got 0"),
    ],
)
def test_arguments_of_verbs(verb, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(fitted("VAE"), verb)(**options)


def test_an_unknown_method_of_outlier_scores():
    # Past the run-time type checks of the tests, as users call it.
    outlier_scores = inspect.unwrap(VAE.outlier_scores)
    with pytest.raises(ValueError, match=r"method of VAE must be 'kl' or .*; got 'nonsense'"):
        outlier_scores(fitted("VAE"), reals(), method="nonsense")
    with pytest.raises(ValueError, match="method of Autoencoder must be 'reconstruction'; got 'kl'"):
        outlier_scores(fitted("Autoencoder"), reals(), method="kl")


# ---- use before, and after a failed fit


def _verbs(name):
    """Name -> call, for every verb of an estimator that needs a fit."""
    X, entry = reals(), ESTIMATORS[name]
    verbs = {"outlier_scores": [X], "save": ["nowhere"]}
    if entry.latents:
        verbs |= {"transform": [X], "reconstruct": [X], "inverse_transform": [np.zeros((4, entry.code_dim))]}
    else:
        verbs |= {verb: [X] for verb in ("score_samples", "decision_function", "predict")}
    if entry.density:
        present = [verb for verb in DENSITY if verb not in entry.absent]
        verbs |= {verb: [X] for verb in present} | {"sample": [], "sample_posterior": [X, 2]}
    if entry.clusters:
        verbs |= {"predict": [X], "predict_proba": [X]}
    if entry.imputes:
        verbs |= {"impute": [X], "imputation": [X]}
    return verbs


@pytest.mark.parametrize("name", EVERY)
def test_use_before_fit(name):
    for verb, arguments in _verbs(name).items():
        with pytest.raises(NotFittedError, match=f"This {name} instance is not fitted yet"):
            getattr(ESTIMATORS[name].make(), verb)(*arguments)


@pytest.mark.parametrize("name", EVERY)
def test_use_after_a_failed_fit_is_use_before_fit(name):
    estimator = ESTIMATORS[name].make()
    assert_refused(estimator, with_cell(reals(), np.inf), "must be finite")
    for verb, arguments in _verbs(name).items():
        with pytest.raises(NotFittedError, match=f"This {name} instance is not fitted yet"):
            getattr(estimator, verb)(*arguments)


@pytest.mark.parametrize("name", EVERY)
def test_a_failed_second_fit_leaves_the_first(name):
    X = reals()
    estimator = ESTIMATORS[name].make().fit(X)
    with pytest.raises(ValueError, match="must be finite"):
        estimator.fit(with_cell(reals(shape=(5,)), np.inf))
    np.testing.assert_array_equal(estimator.outlier_scores(X), fitted(name).outlier_scores(X))


# ---- what an earlier fit, or a later change, has no say in


def test_a_refit_checks_against_the_new_likelihood():
    vae = ESTIMATORS["VAE"].make().fit(reals())
    with pytest.raises(ValueError, match="zeros and ones"):
        vae.set_params(likelihood="bernoulli").fit(reals())
    codes = np.tile(np.arange(6), (4, 1)).T
    categorical = ESTIMATORS["VAE"].make(likelihood="categorical").fit(codes % 3)
    np.testing.assert_array_equal(categorical.fit(codes).n_codes_, 6)


def test_an_identifier_is_no_category():
    codes = np.array([[0, 3], [1, 20_000]])
    with pytest.raises(ValueError, match=r"at most 10000 category codes .* got code 20000 in column 1\."):
        VAE(likelihood="categorical").fit(codes)


def test_hyperparameters_changed_after_the_fit_change_no_shape():
    vae = ESTIMATORS["VAE"].make(latent_dim=2).fit(reals()).set_params(latent_dim=5)
    assert len(vae.get_feature_names_out()) == vae.transform(reals()).shape[1] == 2


def test_extreme_validation_rows_are_named_in_the_status():
    X = np.random.default_rng(0).normal(size=(400, 2))
    vae = VAE(hidden=(8,), max_epochs=3, random_state=0, standardize=False)
    held = np.flatnonzero(~np.isin(np.arange(400), split_rows(400, fraction=0.1, minimum_rows=1, seed=seed_of(0))[0]))
    X[held[0], 0] = 3e25
    with pytest.warns(ConvergenceWarning, match="validation rows"):
        status = vae.fit(X).status_
    assert status.code == "non_finite"
    assert "validation rows" in status.message
