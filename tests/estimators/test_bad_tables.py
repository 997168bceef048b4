"""Tables that ask too much of a density: every exact estimator answers with a named status, or one clear error, and no NaN.

Ground truth: by definition; what a note has to name is known from how the table was made.
"""

import re

import jax
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from lowerbound import PPCA, FactorAnalysis, MixtureOfFactorAnalyzers
from tests.contracts.registry import STOPPED_EARLY
from tests.contracts.registry import with_holes as largest_missing

MODELS = {
    "PPCA": lambda: PPCA(2),
    "PPCA em": lambda: PPCA(2, method="em", standardize=True),
    "FactorAnalysis": lambda: FactorAnalysis(2, rotation="promax"),
    "FactorAnalysis, as many factors as columns": lambda: FactorAnalysis(5, noise_floor=1e-6),
    "mixture diagonal": lambda: MixtureOfFactorAnalyzers(2, latent_dim=2, random_state=0),
    "mixture isotropic": lambda: MixtureOfFactorAnalyzers(
        3, latent_dim=1, noise="isotropic", shared_noise=True, random_state=0
    ),
    "mixture full": lambda: MixtureOfFactorAnalyzers(2, latent_dim=0, noise="full", random_state=0),
    "mixture of many": lambda: MixtureOfFactorAnalyzers(20, latent_dim=0, random_state=0),
}


def _base(n_rows=40):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_rows, 2)) @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(n_rows, 5))


def _with_column(column):
    X = _base()
    X[:, 4] = column(X)
    return X


def _holes(X, share):
    missing = np.random.default_rng(1).random(X.shape) < share
    missing[0] = False
    return np.where(missing, np.nan, X)


TABLES = {
    "a constant column": _with_column(lambda X: 7.0),
    "constant columns": np.full((40, 5), 3.1),
    "a duplicated column": _with_column(lambda X: X[:, 0]),
    "a collinear column": _with_column(lambda X: X[:, 0] - 2 * X[:, 1]),
    "a column of rounding": _with_column(lambda X: 1e12 + X[:, 0]),
    "a column with one outlier": _with_column(lambda X: np.where(np.arange(40) == 3, 1e120, X[:, 0])),
    "a column with one cell": _with_column(lambda X: np.where(np.arange(40) == 3, 1.0, np.nan)),
    "huge numbers": 1e149 * np.clip(_base() / 3, -0.9, 0.9),
    "tiny numbers": 1e-140 * _base(),
    "columns of all sizes": _base() * np.array([1e-100, 1.0, 1e100, 1e-6, 1e6]),
    "repeated rows": np.repeat(_base(4), 10, axis=0),
    "bits": (_base() > 0).astype(np.uint8),
    "fewer rows than columns": _base(3),
    "two rows": _base(2),
    "two equal rows": np.ones((2, 5)),
    "duplicated columns with holes": _holes(_with_column(lambda X: X[:, 0]), 0.2),
    "hardly a cell": _holes(_base(), 0.8),
    "a hole in every row": largest_missing(_base()),
}


def too_few_rows(name, table):
    """Whether the table has fewer rows than the model has clusters."""
    return len(TABLES[table]) < getattr(MODELS[name](), "n_clusters", 1)


CASES = [(name, table) for name in MODELS for table in TABLES if not too_few_rows(name, table)]


@pytest.mark.filterwarnings(STOPPED_EARLY)
@pytest.mark.parametrize(("name", "table"), CASES)
def test_a_bad_table_gives_finite_parameters_and_a_status(name, table):
    X = TABLES[table]
    estimator = MODELS[name]().fit(X)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(estimator.model_))
    assert estimator.status_.code in ("closed_form", "converged", "max_iter")
    assert estimator.objective_ == pytest.approx(-estimator.score(X), rel=1e-4, abs=1e-4)
    history = estimator.history_["log_evidence"]
    assert np.all(np.diff(history) >= -1e-5 * (1 + np.abs(history[:-1])))  # noise at its floor costs digits
    for answer in (estimator.transform(X), estimator.reconstruct(X), estimator.impute(X), estimator.sample(3)):
        assert np.isfinite(answer).all()


@pytest.mark.parametrize(
    ("name", "table"),
    [(name, table) for name in MODELS for table in TABLES if too_few_rows(name, table)],
)
def test_more_clusters_than_rows_is_an_error(name, table):
    n_rows = len(TABLES[table])
    message = rf"^n_clusters of Mix\w+ must be at most the number of rows, n_samples = {n_rows}; got \d+\.$"
    with pytest.raises(ValueError, match=message):
        MODELS[name]().fit(TABLES[table])


CONSTANT = r"1 feature \(4\) is constant in the training rows: a density there is meaningless\. Leave it out"
FLOOR = (
    r"The noise variance of \d features \(0, .*4\) rests? on its floor, noise_floor = 0\.001 .*latent_dim, .*, or raise"
)


@pytest.mark.filterwarnings(STOPPED_EARLY)
@pytest.mark.parametrize(
    ("name", "table", "note"),
    [(name, "a constant column", CONSTANT) for name in MODELS]
    + [
        ("PPCA", "constant columns", "5 features .* are constant"),
        ("FactorAnalysis", "a duplicated column", FLOOR),
        ("FactorAnalysis", "duplicated columns with holes", FLOOR),
        ("PPCA", "fewer rows than columns", "The noise variance rests on its floor .* give more rows"),
        ("PPCA", "two rows", "2 rows cannot tell 2 factors: lower latent_dim, or give more rows"),
        ("FactorAnalysis", "two rows", "2 rows cannot tell 2 factors"),
        ("mixture of many", "a duplicated column", r"clusters? ha(s|ve) hardly a row left.* Lower n_clusters"),
        ("mixture of many", "repeated rows", r"rests on its floor, .* Raise noise_floor, lower n_clusters"),
        ("mixture full", "a duplicated column", r"2 of 2 clusters rests on its floor"),
        ("mixture diagonal", "bits", "rests on its floor"),
        ("PPCA", "hardly a cell", r"\d+ rows have no observed cell and said nothing"),
    ],
)
def test_the_status_names_what_is_wrong(name, table, note):
    notes = " ".join(MODELS[name]().fit(TABLES[table]).status_.notes)
    assert re.search(note, notes), notes


def test_a_good_table_has_no_notes():
    X = np.random.default_rng(0).normal(size=(40, 2)) @ np.ones((2, 5)) + np.random.default_rng(1).normal(size=(40, 5))
    for name in ("PPCA", "PPCA em", "FactorAnalysis"):
        assert MODELS[name]().fit(X).status_.notes == ()


def test_iterations_that_run_out_are_named_with_the_remedy():
    with pytest.warns(ConvergenceWarning, match="stopped after max_iter = 2 iterations"):
        status = FactorAnalysis(2, max_iter=2).fit(_base()).status_
    assert (status.code, status.ok) == ("max_iter", False)
    assert "stopped after max_iter = 2 iterations, within the first cycle. Raise max_iter." in status.message
    with pytest.warns(ConvergenceWarning, match="the last cycle raised"):
        status = FactorAnalysis(2, max_iter=5).fit(_base()).status_
    assert "stopped after max_iter = 5 iterations; the last cycle raised log p(x) by " in status.message
    assert "and tol = 1e-07 asks for less, twice in a row. Raise max_iter or tol." in status.message


def test_as_many_clusters_as_rows():
    X = _base()[:20]
    mixture = MixtureOfFactorAnalyzers(20, latent_dim=0, random_state=0).fit(X)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(mixture.model_))
    assert mixture.weights_.sum() == pytest.approx(1)
    assert mixture.status_.notes
