"""Tables of text, read by eye: alignment, wrapped names, wrapped sentences, escaped HTML."""

from html.parser import HTMLParser

from lowerbound.evaluate.text_table import html_table, plain_table

HEADER = ("name", "n", "share")
ROWS = [("a", "1", "0.5"), ("a name of many words that goes on and on", "1000", "12.25")]


def test_names_stand_on_the_left_and_numbers_on_the_right():
    assert plain_table(HEADER, ROWS, [], width=80).splitlines() == [
        "name                                         n  share",
        "a                                            1    0.5",
        "a name of many words that goes on and on  1000  12.25",
    ]


def test_a_table_too_wide_wraps_its_names_and_its_sentences():
    text = plain_table(HEADER, ROWS, ["One sentence, which is longer than the table is wide."], width=34)
    assert text.splitlines() == [
        "name                      n  share",
        "a                         1    0.5",
        "a name of many words   1000  12.25",
        "  that goes on and on",
        "",
        "One sentence, which is longer than",
        "  the table is wide.",
    ]


def test_a_name_without_spaces_is_broken_and_numbers_never_are():
    text = plain_table(HEADER, [("x" * 40, "1" * 10, "2")], [], width=30)
    assert max(map(len, text.splitlines())) <= 16 + 2 + 10 + 2 + 5  # names keep 16 columns, the table grows
    assert text.count("x") == 40
    assert "1" * 10 in text


def test_html_holds_the_texts_as_they_are():
    texts = []
    parser = HTMLParser()
    parser.handle_data = texts.append
    parser.feed(html_table(("<b>", "n"), [("A & B", '"7"')], ["x < y."]))
    assert texts == ["<b>", "n", "A & B", '"7"', "x < y."]
