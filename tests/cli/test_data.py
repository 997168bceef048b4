"""The list of data sets, and one of them."""

from lowerbound.data.catalog import names


def test_data_lists_every_name(run):
    ran = run("data")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[0] for line in ran.out.splitlines()[1:]] == list(names())


def test_data_shows_shapes_description_and_source(run):
    ran = run("data", "digits")
    assert (ran.code, ran.err) == (0, "")
    assert "train  1438 x 64 uint8, 0 to 16; labels int64, 10 different ones" in ran.out
    assert "test   359 x 64 uint8, 0 to 16" in ran.out
    assert "Every fifth row is a test row" in ran.out
    assert "Source: Alpaydin and Kaynak 1998" in ran.out
