"""From annotations to what an option may be given, and from words to values."""

from typing import Literal

import pytest
from numpy.random import RandomState
from sklearn.base import BaseEstimator

from lowerbound.cli.docstrings import help_text, parameters_of
from lowerbound.cli.hyperparameters import Values, hyperparameters_of, values_of


@pytest.mark.parametrize(
    ("annotation", "values", "placeholder"),
    [
        (int, Values(number=int), "INTEGER"),
        (float, Values(number=float), "NUMBER"),
        (int | float, Values(number=float), "NUMBER"),
        (float | int | None, Values(number=float, none=True), "NUMBER|none"),
        (str, Values(anything=True), "TEXT"),
        (bool, Values(flag=True), ""),
        (tuple[int, ...], Values(several=int), "INTEGER,INTEGER,..."),
        (Literal["a", "b"], Values(choices=("a", "b")), "a|b"),
        (Literal["a", "b"] | None, Values(choices=("a", "b"), none=True), "a|b|none"),
        (Literal["a", "none"] | None, Values(choices=("a", "none")), "a|none"),
        (Literal["auto"] | float, Values(choices=("auto",), number=float), "auto|NUMBER"),
        (int | RandomState | None, Values(number=int, none=True), "INTEGER|none"),
    ],
)
def test_annotations(annotation, values: Values, placeholder: str):
    assert values_of(annotation) == values
    assert values.placeholder == placeholder


@pytest.mark.parametrize("annotation", [BaseEstimator, BaseEstimator | None, dict[str, int], tuple[int, int]])
def test_what_no_word_can_express(annotation):
    assert values_of(annotation) is None


@pytest.mark.parametrize(
    ("values", "word", "value"),
    [
        (Values(number=int), "3", 3),
        (Values(number=float), "1e-3", 1e-3),
        (Values(number=int, none=True), "none", None),
        (Values(several=int), "8,4", (8, 4)),
        (Values(several=int), "", ()),
        (Values(several=int), "8", (8,)),
        (Values(choices=("a", "none")), "none", "none"),
        (Values(choices=("auto",), number=float), "2", 2.0),
        (Values(anything=True), "x y", "x y"),
    ],
)
def test_words(values: Values, word: str, value):
    found = values.read(word, option="--x")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("values", "word", "message"),
    [
        (Values(number=int), "2.5", "--x must be a whole number; got '2.5'."),
        (Values(number=float, none=True), "no", "--x must be a number or none; got 'no'."),
        (Values(several=int), "8;4", "--x must be whole numbers separated by commas, such as 256,256; got '8;4'."),
        (
            Values(choices=("relu", "tanh", "gelu")),
            "rellu",
            "--x must be relu, tanh or gelu; got 'rellu'. Did you mean relu?",
        ),
    ],
)
def test_words_that_stand_for_nothing(values: Values, word: str, message: str):
    with pytest.raises(ValueError, match="must be") as raised:
        values.read(word, option="--x")
    assert str(raised.value) == message


class Documented:
    """What it is.

    Parameters
    ----------
    one, other
        Two of them: "a", or ``None`` for ``one="a"``. A second sentence.
    late : int
        Of :class:`~package.VAE`, in [0, 1); () for none.

    Attributes
    ----------
    left_
        Not a parameter.
    """

    def __init__(self, one: int, other: BaseEstimator | None = None, late: int = 1) -> None: ...


class Derived(Documented):
    """It says nothing of its parameters."""


def test_paragraphs_of_a_docstring():
    assert list(parameters_of(Documented)) == ["one", "other", "late"]
    assert parameters_of(Derived) == {}


@pytest.mark.parametrize("documented", [Documented, Derived])
def test_the_help_is_the_first_sentence_as_one_would_type_it(documented: type):
    names = ("one", "other", "late")
    assert help_text(documented, "one", hyperparameters=names) == "Two of them: a, or none for --one a."
    assert help_text(documented, "late", hyperparameters=names) == "Of VAE, in [0, 1); '' for none."
    assert help_text(documented, "absent", hyperparameters=names) == ""


def test_a_hyperparameter_without_a_word_is_left_out_and_one_without_a_default_required():
    one, late = hyperparameters_of(Documented)
    assert (one.name, one.required, late.default_text) == ("one", True, "1")


def test_without_annotations_the_defaults_speak():
    class Bare:
        def __init__(
            self, width=3, sizes=(8,), rate=0.5, kind="a", on=False, random_state=None, other=None, verbose=False
        ):
            pass

    found = {one.name: (one.values.placeholder, one.default_text) for one in hyperparameters_of(Bare)}
    assert found == {
        "width": ("INTEGER", "3"), "sizes": ("INTEGER,INTEGER,...", "8"), "rate": ("NUMBER", "0.5"), "kind": ("TEXT", "a"),
        "on": ("", "off"), "random_state": ("INTEGER", "0"),
    }  # fmt: skip


def test_an_estimator_that_needs_another_object_has_no_command():
    class Wrapper:
        def __init__(self, inner: BaseEstimator) -> None: ...

    with pytest.raises(
        ValueError, match=r"inner of Wrapper must have a default, or be a number.* Fit it from Python\."
    ):
        hyperparameters_of(Wrapper)
