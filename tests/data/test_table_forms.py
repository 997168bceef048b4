"""Forms of text tables: the same 30 rows and names come back whatever the header, index, separator, quotes, marks and decimals.

What is ambiguous is said, or refused with its cause and the option that decides.
"""

import csv
import itertools

import numpy as np
import pandas as pd
import pytest

from lowerbound.data.tables import read_table

VALUES = np.random.default_rng(0).normal(size=(30, 4)).round(3)
HEADERS = {
    "words": ["a", "b c", "d", "e"],
    "years": ["1998", "1999", "2000", "2001"],
    "wavelengths, falling": ["406.5", "404.2", "402", "400"],
    "pandas' own": ["0", "1", "2", "3"],
    "one word": ["1", "2", "x", "3"],
}


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_is_found_whatever_stands_around_it(kind, tmp_path):
    names = HEADERS[kind]
    frame = pd.DataFrame(VALUES, columns=names)
    file = tmp_path / "t.csv"
    for index, separator, quoting, crlf in itertools.product(
        (False, True), ",;\t", (csv.QUOTE_MINIMAL, csv.QUOTE_ALL), ("\n", "\r\n")
    ):
        for decimal in "." if separator == "," else ".,":
            frame.to_csv(file, index=index, sep=separator, quoting=quoting, lineterminator=crlf, decimal=decimal)
            table = read_table(file)
            assert table.columns == tuple(names), (index, separator, quoting, decimal)
            np.testing.assert_array_equal(table.values, VALUES)
            assert ("--no-header" in table.note) == (kind not in ("words", "one word"))


def test_a_plain_table_of_numbers_is_data_and_says_so(tmp_path):
    file = tmp_path / "t.csv"
    np.savetxt(file, VALUES, delimiter=",", fmt="%.3f")
    table = read_table(file)
    assert table.columns == ("x0", "x1", "x2", "x3")
    np.testing.assert_array_equal(table.values, VALUES)
    assert table.note == f"{file}: the first row holds no words, and was taken as data; --header reads it as names."
    headed = read_table(file, header=True)
    assert (headed.values.shape, headed.note) == ((29, 4), "")


def test_rows_that_all_rise_are_data(tmp_path):
    rising = np.cumsum(np.abs(VALUES), axis=1)
    np.savetxt(tmp_path / "t.csv", rising, delimiter=",")
    np.testing.assert_allclose(read_table(tmp_path / "t.csv").values, rising)


def test_header_speaks_of_the_first_row_even_below_a_comment(tmp_path):
    (tmp_path / "t.csv").write_text("# x,y\n1,2\n3,4\n")
    assert read_table(tmp_path / "t.csv").columns == ("x", "y")
    assert read_table(tmp_path / "t.csv", header=False).columns == ("x0", "x1")
    assert read_table(tmp_path / "t.csv", header=True).columns == ("1", "2")


def test_no_header_makes_data_of_numbers_in_order(tmp_path):
    pd.DataFrame(VALUES, columns=HEADERS["years"]).to_csv(tmp_path / "t.csv", index=False)
    table = read_table(tmp_path / "t.csv", header=False)
    assert (table.values.shape, table.columns[0], table.note) == ((31, 4), "x0", "")


@pytest.mark.parametrize(
    ("text", "columns", "values"),
    [
        ("sep=;\na;b\n1;2\n3;4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("1,5;2,25\n3,5;4,1\n7;8,5\n", ("x0", "x1"), [[1.5, 2.25], [3.5, 4.1], [7, 8.5]]),
        (
            ";400,5;402,5;404,5\n0;1,5;2;3\n1;2;0,1;2\n",
            ("400,5", "402,5", "404,5"),
            [[1.5, 2, 3], [2, 0.1, 2]],
        ),
        ("402,5;401,5;400,5\n1,5;2;3\n2;0,1;2\n", ("402,5", "401,5", "400,5"), [[1.5, 2, 3], [2, 0.1, 2]]),
        ("a;b\n0,125;2\n1,500;4\n", ("a", "b"), [[0.125, 2], [1.5, 4]]),
        ("TRUE,1\nFALSE,2\nTRUE,3\n", ("x0", "x1"), [[1, 1], [0, 2], [1, 3]]),
        ("True,False\n1.5,2\n3,4\n", ("True", "False"), [[1.5, 2], [3, 4]]),
        ("2020-01,2020-02\n1,2\n3,4\n", ("2020-01", "2020-02"), [[1, 2], [3, 4]]),
        ("sep=|\na|b\n1|2\n3|4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("# made by a machine\n#\n\na,b\n1,2\n3,4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("# a, b\n1,2\n3,4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("a;b\n1,5;2\n3,25;4\n", ("a", "b"), [[1.5, 2], [3.25, 4]]),
        ("a;b\n1,5 ;2\nNA ;4\n", ("a", "b"), [[1.5, 2], [np.nan, 4]]),
        ("sep=\t\na\tb\n1\t2\n3\t4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("a, a ,b\n1,2,3\n3,4,5\n", ("a", "a.1", "b"), [[1, 2, 3], [3, 4, 5]]),
        (
            ",2.5,3.1\n1,2.7,3\n4,5,6.2\n1,1,2\n",
            ("x0", "x1", "x2"),
            [[np.nan, 2.5, 3.1], [1, 2.7, 3], [4, 5, 6.2], [1, 1, 2]],
        ),
        ("0,1,2\n0,3,1\n2,0,1\n", ("x0", "x1", "x2"), [[0, 1, 2], [0, 3, 1], [2, 0, 1]]),
        ("a,b\r\n1,2\r\n3,4\r\n  \r\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("a\tb\n1,5\t2\n3,25\t4\n", ("a", "b"), [[1.5, 2], [3.25, 4]]),
        (" a ,b \n1,2\n3,4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("a,b,\n1,2,\n3,4,\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("1,2,\n3,1,\n", ("x0", "x1"), [[1, 2], [3, 1]]),
        ("a,b\nNA , 2\n3,4\n", ("a", "b"), [[np.nan, 2], [3, 4]]),
        ("a,b\nTRUE,2\n,3\nFALSE,4\n", ("a", "b"), [[1, 2], [np.nan, 3], [0, 4]]),
    ],
)
def test_what_is_unambiguous_is_taken(text, columns, values, tmp_path):
    (tmp_path / "t.csv").write_text(text)
    table = read_table(tmp_path / "t.csv")
    assert table.columns == columns
    np.testing.assert_array_equal(table.values, values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a;b\n1,234;2\n5,678;4\n",
            r"must have one meaning; got '1,234', whose comma may be a decimal sign or mark thousands",
        ),
        (
            'a,b\n"1,234.5",2\n3,4\n',
            r"must be numeric; got other values in 'a' \('1,234.5'\). .* without thousands separators",
        ),
        ("a,b\n12%,2\n3%,4\n", r"'a' \('12%'\). Write percentages as numbers, without the sign"),
        ('a,b\n"1,5",2\n3,4\n', r"'a' \('1,5'\). Write decimals with points, or separate the cells by semicolons"),
        ("a,b\n1,2,\n3,4,\n", r"line 2 ends with a separator, which makes an empty cell more. Remove it"),
        ("a,b\n1,2\n3,4,5\n", r"must have 2 cells each, as the first; got 3 in line 3"),
        ("a,b\n1_000,2\n3,4\n", r"'a' \('1_000'\). .* without thousands separators"),
        ("a,b\nx,2\n3,4\n", r"'a' \('x'\). Leave these columns out"),
        ("1,2,?\n3,4,5\n", r"'x2' \('\?'\)\. Leave these columns out"),
        ("a,b\n1\u202f000,2\n", r"without thousands separators"),
        ("1 2\n3 4\n", r"Separate the cells by commas, semicolons or tabs, or name the separator in a first line"),
        ("a|b\n1|2\n", r"Separate the cells by commas, semicolons or tabs, or name the separator in a first line"),
        ("# a\n# b\n", r"table must have rows and columns; got none in"),
        ("a;b\n1.234;0,5\n2.500;0,7\n", r"'a' \('1.234'\). .* without thousands separators"),
    ],
)
def test_what_is_ambiguous_names_its_cause(text, message, tmp_path):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / "t.csv")


def test_encodings(tmp_path):
    file, text = tmp_path / "t.csv", "größe,b\n1,2\n3,4\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        file.write_text(text, encoding=encoding)
        assert read_table(file).columns == read_table(file, encoding="utf-8").columns == ("größe", "b")
    file.write_text("a,b\n1,2\n", encoding="utf-16-le")  # without a mark
    with pytest.raises(ValueError, match=r"got bytes of another encoding \(zero bytes\).*--encoding utf-16-le"):
        read_table(file)
    assert read_table(file, encoding="utf-16-le").columns == ("a", "b")
    file.write_text(text, encoding="utf-8")
    file.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"must be UTF-8 text; got bytes of another encoding .*--encoding latin-1"):
        read_table(file)
    assert read_table(file, encoding="latin-1").columns == ("größe", "b")
    with pytest.raises(ValueError, match=r"encoding of .* must be a known one; got 'klingon'"):
        read_table(file, encoding="klingon")


def test_tabs_have_an_extension_of_their_own(tmp_path):
    (tmp_path / "t.tsv").write_text("a\tb\n1\t2\n3\t4\n")
    assert read_table(tmp_path / "t.tsv").columns == ("a", "b")
