"""Tables: round trips against the arrays written, and what a .csv file may look like."""

import sys

import numpy as np
import pytest

from lowerbound.data.files import Table, read_array, read_table, write_array

SPECIAL = np.array([[0.1, -0.0, 1e-300], [np.nan, np.inf, -np.inf], [1 / 3, 2.0**60, 5e-324]])


# Round trips


@pytest.mark.parametrize("kind", [".csv", ".parquet"])
@pytest.mark.parametrize("array", [SPECIAL, np.arange(6).reshape(3, 2), np.array([[True], [False]])])
def test_tables_return_exactly(tmp_path, kind, array):
    names = [f"size, in {j} m" for j in range(array.shape[1])]
    write_array(tmp_path / f"x{kind}", array, names=names)
    table = read_table(tmp_path / f"x{kind}")
    assert table.columns == tuple(names)
    assert table.values.dtype == array.dtype
    np.testing.assert_array_equal(table.values, array)
    np.testing.assert_array_equal(read_array(tmp_path / f"x{kind}"), array)


def test_csv_keeps_every_double(tmp_path):
    random = np.random.default_rng(1)
    array = (random.normal(size=3000) * 10.0 ** random.integers(-300, 300, 3000)).reshape(-1, 3)
    write_array(tmp_path / "x.csv", array)
    np.testing.assert_array_equal(read_array(tmp_path / "x.csv"), array)


def test_parquet_keeps_the_type(tmp_path):
    array = np.array([[1.5, np.nan]], np.float32)
    write_array(tmp_path / "x.parquet", array)
    assert read_array(tmp_path / "x.parquet").dtype == np.float32


def test_a_vector_is_one_column(tmp_path):
    write_array(tmp_path / "x.csv", np.array([1.0, np.nan, 3.0]))
    table = read_table(tmp_path / "x.csv")
    np.testing.assert_array_equal(table.values, [[1.0], [np.nan], [3.0]])
    assert table.columns == ("x0",)


# What a text table may look like


@pytest.mark.parametrize(
    ("text", "columns", "values"),
    [
        ("1,2\n3,4\n", ("x0", "x1"), [[1, 2], [3, 4]]),
        ("a,b\n3,4\n", ("a", "b"), [[3, 4]]),
        ("\ufeffa,b\r\n3,4\r\n", ("a", "b"), [[3, 4]]),
        ("year,2019\n3,4\n", ("year", "2019"), [[3, 4]]),
        ("0,1,2\n.5,.5,.5\n", ("0", "1", "2"), [[0.5, 0.5, 0.5]]),
        (",0,1,2\n0,.5,.5,.5\n1,.1,.2,.3\n", ("0", "1", "2"), [[0.5, 0.5, 0.5], [0.1, 0.2, 0.3]]),
        (",a\n0,5\n1,6\n", ("a",), [[5], [6]]),
        (",a\n7,5\n1,6\n", ("Unnamed: 0", "a"), [[7, 5], [1, 6]]),
        ("0,1\n1,0\n", ("x0", "x1"), [[0, 1], [1, 0]]),
        ("1,,NA\n,nan,2\n", ("x0", "x1", "x2"), [[1, np.nan, np.nan], [np.nan, np.nan, 2]]),
        ("a;b\n1.5;2\n", ("a", "b"), [[1.5, 2]]),
        ("a\tb\n1.5\t2\n", ("a", "b"), [[1.5, 2]]),
        ('"a;1",b\n1,2\n', ("a;1", "b"), [[1, 2]]),
        ("a, b\n1, 2\n\n3, 4", ("a", "b"), [[1, 2], [3, 4]]),
        ("yes,no\nTrue,False\n", ("yes", "no"), [[1, 0]]),
        ("1e3,-inf\n", ("x0", "x1"), [[1000, -np.inf]]),
        ('"a,b",c\n"1",2\n\n', ("a,b", "c"), [[1, 2]]),
        ("5\n6\n", ("x0",), [[5], [6]]),
    ],
)
def test_csv_headers_and_separators(tmp_path, text, columns, values):
    (tmp_path / "x.csv").write_bytes(text.encode())
    table = read_table(tmp_path / "x.csv")
    assert table.columns == columns
    np.testing.assert_array_equal(table.values, values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", r"rows of .* must have 2 cells each, as the first; got 1 in line 3"),
        ("a,b\r1,2\r3", r"must have 2 cells each, as the first; got 1 in line 3"),
        ('"a,b",c\n"1",2\n3\n', r"must have 2 cells each, as the first; got 1 in line 3"),
        ('a\tb\n"\t1"\n', r"must have 2 cells each, as the first; got 1 in line 2"),
        ("a,b\n1,2,3\n", r"must have 2 cells each, as the first; got 3 in line 2"),
        ("a,city\n1,3\n2,Oslo\n", r"must be numeric; got other values in 'city' \('Oslo'\)\. Leave"),
        ("a,when\n1,2020-01-01\n", r"'when' \('2020-01-01'\)"),
        ("a,b\n", r"table must have rows and columns; got \(0, 2\)"),
        ("\n\n", r"table must have rows and columns; got none in"),
        ("a,b\n\xff,1", r"must be UTF-8 text; got bytes of another encoding"),
    ],
)
def test_csv_errors(tmp_path, text, message):
    (tmp_path / "x.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / "x.csv")


@pytest.mark.parametrize("kind", [".csv", ".parquet"])
def test_five_text_columns_are_named_and_the_rest_counted(tmp_path, kind):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"n": [1.0]} | {f"t{j}": ["word"] for j in range(7)})
    write = frame.to_csv if kind == ".csv" else frame.to_parquet
    write(tmp_path / f"x{kind}", index=False)
    with pytest.raises(ValueError, match=r"'t0' \('word'\), .*'t4' \('word'\) and 2 more\. Leave"):
        read_array(tmp_path / f"x{kind}")


def test_parquet_holes_index_and_folder_names(tmp_path):
    pandas = pytest.importorskip("pandas")
    folder = tmp_path / "year=2019"
    folder.mkdir()
    frame = pandas.DataFrame({"a": pandas.array([1, None], dtype="Int64"), "b": [True, False]}, index=[5, 6])
    frame.to_parquet(folder / "x.parquet")
    table = read_table(folder / "x.parquet")
    assert isinstance(table, Table)
    assert table.columns == ("a", "b")
    np.testing.assert_array_equal(table.values, [[1, 1], [np.nan, 0]])


def test_a_parquet_column_without_any_value_is_missing_whatever_its_type(tmp_path):
    pandas = pytest.importorskip("pandas")
    empty = {
        kind: pandas.Series([None, None], dtype=kind) for kind in ("object", "str", "Int64", "float32", "category")
    }
    empty["datetime"] = pandas.Series([pandas.NaT, pandas.NaT])
    pandas.DataFrame({"a": [1, 2]} | empty).to_parquet(tmp_path / "x.parquet")
    table = read_table(tmp_path / "x.parquet")
    assert table.columns == ("a", *empty)
    np.testing.assert_array_equal(table.values, [[1, *[np.nan] * 6], [2, *[np.nan] * 6]])


def test_dates_in_parquet_are_refused(tmp_path):
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame({"when": pandas.to_datetime(["2020-01-01"])}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"numeric; got other values in 'when' \('2020-01-01"):
        read_array(tmp_path / "x.parquet")


def test_tables_only(tmp_path):
    with pytest.raises(ValueError, match=r"table must be a \.csv, \.tsv or \.parquet file; got .*x\.npy"):
        read_table(tmp_path / "x.npy")


def test_csv_cut_within_a_row(tmp_path):
    (tmp_path / "x.csv").write_text("1,2,3\n4,5,6\n7,8")
    with pytest.raises(ValueError, match=r"must have 3 cells each, as the first; got 2 in line 3\. Complete"):
        read_array(tmp_path / "x.csv")


@pytest.mark.parametrize("missing", ["pandas", "pyarrow"])
def test_missing_pandas_names_the_extra(tmp_path, monkeypatch, missing):
    file = tmp_path / "x.parquet"
    write_array(file, SPECIAL)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ValueError, match=r'pip install "lowerbound\[tables\]"'):
        read_array(file)
    with pytest.raises(ValueError, match=r'pip install "lowerbound\[tables\]"'):
        write_array(file, SPECIAL)


def test_csv_needs_no_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    write_array(tmp_path / "x.csv", SPECIAL)
    np.testing.assert_array_equal(read_array(tmp_path / "x.csv"), SPECIAL)
