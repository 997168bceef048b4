"""One rule for the cells of X, whatever holds them: masked arrays, frames of pandas and polars, nullable types, lists.

Ground truth: the same cells as an array of floats with NaN, to the last bit.
"""

import numpy as np
import pandas as pd
import pytest

from lowerbound import PPCA, FactorAnalysis, MixtureOfFactorAnalyzers
from tests.contracts.polars import Polars
from tests.contracts.registry import ESTIMATORS, assert_same_answers, cases, fitted, reals

EVERY = cases(sklearn_checks=True)
WITH_HOLES = cases(sklearn_checks=True, missing=True)
WITHOUT_HOLES = cases(sklearn_checks=True, missing=False)
NAMES = ["a", "b", "c"]
HOLES = [(4, 1), (7, 0), (7, 2)]


def holed():
    """Rows with holes, as floats."""
    X = reals()
    for cell in HOLES:
        X[cell] = np.nan
    return X


def masked(value=-9999.0):
    """The same rows with a value that means missing, under a mask."""
    X = np.where(np.isnan(holed()), value, holed())
    return np.ma.masked_array(X, np.isnan(holed()))


def nullable():
    """The same rows in a frame of nullable columns, one of them of objects."""
    frame = pd.DataFrame(holed(), columns=NAMES)
    objects = frame["c"].astype(object).where(frame["c"].notna(), pd.NA)
    return frame.astype("Float64").assign(c=objects)


def polars():
    """The same rows in a frame of polars, None for null."""
    columns = zip(NAMES, holed().T, strict=True)
    return Polars({name: [None if np.isnan(cell) else cell for cell in column] for name, column in columns})


SAME = {
    "masked": masked,
    "pandas": lambda: pd.DataFrame(holed(), columns=NAMES),
    "nullable": nullable,
    "polars": polars,
    "list": lambda: [[None if np.isnan(cell) else cell for cell in row] for row in holed().tolist()],
}


def verbs_on(entry, estimator, X):
    """What every verb that takes rows says of them."""
    names = (
        ["outlier_scores"] + ["transform", "reconstruct"] * entry.latents + ["score_samples", "elbo"] * entry.density
    )
    found = {name: np.asarray(getattr(estimator, name)(X)) for name in names}
    if entry.imputes:
        found["sample_posterior"] = estimator.sample_posterior(X, 2)
        found["impute draws"] = estimator.impute(X, n_draws=2)
        found["impute"] = cells_of(estimator.impute(X))
        found |= {f"imputation.{name}": part for name, part in estimator.imputation(X)._asdict().items()}
    return found


# Cells are read in one place, whatever the model: an exact model and a network meet every holder, the others the hardest.
@pytest.mark.parametrize(
    ("name", "holder"),
    [(name, holder) for name in WITH_HOLES for holder in SAME if name in ("PPCA", "VAE") or holder == "nullable"],
)
def test_holes_are_the_same_whatever_holds_them(name, holder):
    X = SAME[holder]()
    entry = ESTIMATORS[name]
    estimator, expected = entry.make().fit(X), entry.make().fit(holed())
    assert_same_answers(verbs_on(entry, estimator, X), verbs_on(entry, expected, holed()))


def cells_of(X):
    """The cells of what impute gave."""
    return X.to_numpy() if isinstance(X, pd.DataFrame | Polars) else X


@pytest.mark.parametrize("name", WITHOUT_HOLES)
def test_a_model_that_takes_no_holes_takes_no_mask(name):
    cells = r"got 3 such cells in 2 rows, first X\[4, 1\] = nan, X\[7, 0\] = nan, X\[7, 2\] = nan\. "
    with pytest.raises(ValueError, match=rf"must be finite \(no NaN, no inf\); {cells}"):
        ESTIMATORS[name].make().fit(masked())
    with pytest.raises(ValueError, match=cells):
        fitted(name).outlier_scores(masked())


@pytest.mark.parametrize("name", EVERY)
def test_a_mask_over_nothing_is_none(name):
    X = reals()
    unmasked = ESTIMATORS[name].make().fit(np.ma.masked_array(X))
    np.testing.assert_array_equal(unmasked.outlier_scores(np.ma.masked_array(X)), fitted(name).outlier_scores(X))


def test_what_lies_under_a_mask_is_never_read():
    # Issue 18, line 1: the mean of that column was -190, and the value that means missing was "imputed".
    X = np.random.default_rng(0).normal(10, 1, (50, 3))
    X[4, 1] = -9999
    X = np.ma.masked_array(X, X == -9999)
    ppca = PPCA(1).fit(X)
    assert abs(ppca.mean_[1] - 10) < 1
    assert abs(ppca.impute(X)[4, 1] - 10) < 3


@pytest.mark.parametrize("name", [name for name in WITH_HOLES if ESTIMATORS[name].imputes])
@pytest.mark.parametrize("holder", ["pandas", "nullable", "polars"])
def test_impute_gives_the_same_kind_of_frame_back(name, holder):
    X = SAME[holder]()
    filled = ESTIMATORS[name].make().fit(X).impute(X)
    assert type(filled) is type(X)
    assert list(filled.columns) == NAMES
    assert not np.isnan(filled.to_numpy().astype(float)).any()
    if holder != "polars":
        pd.testing.assert_index_equal(filled.index, X.index)


@pytest.mark.parametrize("name", [name for name in WITH_HOLES if ESTIMATORS[name].latents])
def test_codes_as_a_frame(name):
    X = SAME["pandas"]().set_index(np.arange(40) + 100)
    codes = ESTIMATORS[name].make().set_output(transform="pandas").fit(X).transform(X)
    assert list(codes.columns) == list(ESTIMATORS[name].make().fit(X).get_feature_names_out())
    pd.testing.assert_index_equal(codes.index, X.index)


@pytest.mark.parametrize("name", EVERY)
def test_columns_are_named_after_the_fit_too(name):
    frame = pd.DataFrame(reals(), columns=NAMES)
    estimator = ESTIMATORS[name].make().fit(frame)
    frame.loc[3, "b"] = np.inf
    with pytest.raises(ValueError, match=r"first X\[3, 'b'\] = inf"):
        estimator.outlier_scores(frame)


@pytest.mark.parametrize("estimator", [PPCA(1), FactorAnalysis(1), MixtureOfFactorAnalyzers(2, latent_dim=1)])
def test_a_column_without_any_cell_is_named(estimator):
    X = pd.DataFrame(reals(), columns=NAMES).assign(b=np.nan)
    with pytest.raises(
        ValueError, match=r"observed cell of positive weight in every column; got none in column 'b'\. Leave it"
    ):
        estimator.fit(X)


# ---- rows that are none


@pytest.mark.parametrize(
    "X",
    [
        np.eye(5),
        np.ones((5, 5)),
        reals(3),
        np.corrcoef(reals(), rowvar=False)[:2],
        np.corrcoef(reals(shape=(2,)), rowvar=False),
        pd.DataFrame(reals(3)),
        pd.DataFrame(reals(3), columns=NAMES),
        pd.DataFrame(reals(3), columns=NAMES, index=["c", "b", "a"]),
        pd.DataFrame(reals(4), index=list("abcd")),
    ],
)
def test_a_square_table_that_is_no_matrix_of_correlations(X):
    assert PPCA(1).fit(X).n_features_in_ == X.shape[1]


@pytest.mark.parametrize("make", [lambda X: X.corr(), lambda X: X.cov(), lambda X: X.corr().to_numpy()])
def test_a_matrix_of_correlations_or_covariances(make):
    X = make(pd.DataFrame(reals(), columns=NAMES))
    with pytest.raises(ValueError, match=r"^X of PPCA must hold rows of data, not their corr.* Give the rows"):
        PPCA(1).fit(X)


def test_rows_scored_after_the_fit_may_be_square():
    estimator = fitted("PPCA")
    square = np.corrcoef(reals(), rowvar=False)
    assert estimator.score_samples(square).shape == (3,)


class Lazy:
    """A frame that has not been computed, as of polars."""

    columns = ("a", "b")

    def collect(self):
        """The frame."""


class Bare:
    """A frame of which one can only ask the names and the numbers."""

    columns = ("a", "b", "c")

    def to_numpy(self):
        """The numbers."""
        return reals()


class BareText(Bare):
    """The same, with a column of text."""

    def to_numpy(self):
        """The cells."""
        return np.array([[1.0, "x", 2.0]] * 3, object)


class Categorical(Polars):
    """A frame of polars with a column of categories."""

    def __getitem__(self, which):
        column = super().__getitem__(which)
        column.dtype = "Categorical" if which == "b" else "Float64"
        return column


@pytest.mark.parametrize(
    ("holder", "message"),
    [
        (None, r"must be an array or a data frame; got an object of type NoneType. Give one, rows first"),
        (
            {"a": 1}.values(),
            r"must be an array or a data frame; got an object of type dict_values. Give one, rows first",
        ),
        (BareText(), r"got text in column 'b' \('x'\)"),
        (Categorical({"a": [1.0, 2.0], "b": ["x", "y"]}), r"got categories in column 'b' \('x'\)"),
        ({"a": [1.0, 2.0]}, r"got a dict. Make one: pandas.DataFrame\(X\)"),
        ([{"a": 1.0}, {"a": 2.0}], r"got a list of dict. Make one: pandas.DataFrame\(X\)"),
        ((row for row in [[1.0, 2.0]]), r"got a generator. Make a list of rows in their order: list\(X\)"),
        (Lazy(), r"got a Lazy, which has not been computed. Compute it first: X.collect\(\)"),
        (pd.DataFrame([[1.0, 2.0]] * 3, columns=["a", "a"]), r"different names; got 'a' twice. Rename or drop one"),
    ],
    ids=["None", "view", "bare text", "categories", "dict", "list of dicts", "generator", "lazy frame", "names twice"],
)
def test_what_only_holds_rows_is_told_the_way_to_an_array(holder, message):
    with pytest.raises(ValueError, match=message):
        ESTIMATORS["PPCA"].make().fit(holder)


def test_a_frame_without_columns_by_name_is_its_numbers():
    np.testing.assert_array_equal(ESTIMATORS["PPCA"].make().fit(Bare()).mean_, fitted("PPCA").mean_)


def test_cells_outside_the_support_are_named_by_their_column():
    counts = pd.DataFrame({"n": [1, 2, -1], "m": [1, 2, 3]})
    with pytest.raises(ValueError, match=r"got X\[2, 'n'\] = -1"):
        ESTIMATORS["VAE poisson"].make().fit(counts)
    with pytest.raises(ValueError, match=r"got X\[2, 'n'\] = -1"):
        ESTIMATORS["VAE dequantized"].make().fit(counts)
    codes = pd.DataFrame({"n": [1, 2, 0], "m": [1, 2, 10**6]})
    with pytest.raises(ValueError, match=r"got code 1000000 in column 'm'\."):
        ESTIMATORS["VAE categorical"].make().fit(codes)
