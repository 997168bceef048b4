"""Cells: what becomes a number, what a missing cell, and what an error. Ground truth: by definition, the table of the module."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from lowerbound.interface.cells import to_numbers

NAN = np.nan

TAKEN = {
    "a list": ([[1, 2.5], [3, 4]], [[1, 2.5], [3, 4]]),
    "a list with None": ([[1, None], [3, 5.0]], [[1, NAN], [3, 5]]),
    "an array with None": (np.array([[1, None], [3, 5.0]], object), [[1, NAN], [3, 5]]),
    "a list with pandas.NA": ([[1, pd.NA], [3, 5.0]], [[1, NAN], [3, 5]]),
    "an array with pandas.NA": (np.array([[1, pd.NA], [3, 5.0]], object), [[1, NAN], [3, 5]]),
    "numbers of every kind": ([[Decimal("1.5"), Fraction(1, 2)], [np.float32(2), np.True_]], [[1.5, 0.5], [2, 1]]),
    "bits with holes": (pd.DataFrame({"a": [True, None, False], "b": [1, 2, 3]}), [[1, 1], [NAN, 2], [0, 3]]),
    "nullable bits": (pd.DataFrame({"a": pd.array([True, None], "boolean"), "b": 1.5}), [[1, 1.5], [NAN, 1.5]]),
    "nullable integers": (pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": [3, 4]}), [[1, 3], [NAN, 4]]),
    "nullable floats": (pd.DataFrame({"a": pd.array([1.5, None], "Float64")}), [[1.5], [NAN]]),
    "pyarrow's": (pd.DataFrame({"a": pd.array([1, None], "int64[pyarrow]"), "b": [0.5, 2]}), [[1, 0.5], [NAN, 2]]),
    "bits beside numbers": (pd.DataFrame({"a": [True, False], "b": [1, 2]}), [[1, 1], [0, 2]]),
    "two columns of one name": (
        pd.DataFrame([[1, None], [3, 4]], columns=["a", "a"], dtype=object),
        [[1, NAN], [3, 4]],
    ),
    "a mask": (np.ma.masked_array([[1.0, -9999.0], [3, 4]], [[0, 1], [0, 0]]), [[1, NAN], [3, 4]]),
    "a mask over integers": (np.ma.masked_array([[1, -9999], [3, 4]], [[0, 1], [0, 0]]), [[1, NAN], [3, 4]]),
    "a mask over objects": (
        np.ma.masked_array([[1, "x"], [None, 4]], [[0, 1], [0, 0]], dtype=object),
        [[1, NAN], [NAN, 4]],
    ),
    "rows with masks": ([np.ma.array([1.0, 2], mask=[0, 1]), np.ma.array([3.0, 4], mask=[0, 0])], [[1, NAN], [3, 4]]),
    "images with holes": ([[[1, None]], [[3, 4]]], [[[1, NAN]], [[3, 4]]]),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_is_a_number_and_what_is_missing(case):
    X, expected = TAKEN[case]
    found = to_numbers(X, owner="PPCA")
    assert found.dtype.kind in "biuf"
    np.testing.assert_array_equal(found, np.array(expected, float))


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int64", "bool", ">f8"])
def test_an_array_of_numbers_is_passed_on_as_it_is(dtype):
    X = np.eye(3, dtype=dtype)
    assert to_numbers(X, owner="PPCA") is X
    unmasked = to_numbers(np.ma.masked_array(X), owner="PPCA")
    assert np.shares_memory(unmasked, X)
    assert unmasked.dtype == X.dtype


def test_a_mask_keeps_single_precision():
    X = np.ma.masked_array(np.ones((2, 2), np.float32), [[0, 1], [0, 0]])
    assert to_numbers(X, owner="PPCA").dtype == np.float32


def test_a_frame_of_one_type_keeps_it():
    assert to_numbers(pd.DataFrame(np.eye(3, dtype=np.uint8)), owner="PPCA").dtype == np.uint8


@pytest.mark.parametrize("nested", [list, lambda rows: np.array(rows, object)], ids=["list", "array"])
def test_a_list_and_an_array_are_refused_alike(nested):
    with pytest.raises(ValueError, match=r"X of PPCA must be numeric; got text in column 1 \('x'\)\. Encode"):
        to_numbers(nested([[1, "2"], [3, "x"]]), owner="PPCA")


def test_columns_of_images_are_named_by_position():
    with pytest.raises(ValueError, match=r"got text in column \(0, 1\) \('x'\)\."):
        to_numbers([[[1, "x"]], [[3, 4]]], owner="VAE")


def test_names_of_the_fit_name_the_columns_of_an_array():
    with pytest.raises(ValueError, match=r"got text in column 'town' \('x'\)\."):
        to_numbers([[1, "x"], [3, 4]], owner="VAE", names=["age", "town"])


def test_many_columns_are_cut_short():
    with pytest.raises(ValueError, match=r"column 'c0' \('x'\), .*, 'c4' \('x'\) and others\. Encode"):
        to_numbers(pd.DataFrame({f"c{j}": ["x", "y"] for j in range(9)}), owner="VAE")
