"""Choices are declared once, in the constructor's annotations: what these say is checked, documented, and nothing else is."""

import re
from typing import Literal

import numpy as np
import pytest

from lowerbound.cli.docstrings import _paragraph
from lowerbound.interface.choices import Choices, choices_of, constructor_parameters
from lowerbound.interface.hyperparameters import check_choices
from lowerbound.interface.saving import SavableEstimator
from tests.contracts.registry import ESTIMATORS

CLASSES = {type(entry.make()).__name__: entry.make() for entry in ESTIMATORS.values()}
CHOSEN = [
    (owner, name, choices_of(parameter.annotation))
    for owner, made in CLASSES.items()
    for name, parameter in constructor_parameters(type(made)).items()
    if choices_of(parameter.annotation).words and owner != "OutlierDetector"  # whose methods are those of its estimator
]
every_choice = pytest.mark.parametrize(("owner", "name", "choices"), CHOSEN, ids=[f"{o}-{n}" for o, n, _ in CHOSEN])
Noise = Literal["low", "high"]


@pytest.mark.parametrize(
    ("annotation", "choices"),
    [
        (Noise, Choices(("low", "high"), False, ())),
        (Noise | None, Choices(("low", "high"), True, ())),
        (Literal["low", None], Choices(("low",), True, ())),
        (Noise | Literal["none"] | None, Choices(("low", "high", "none"), True, ())),
        (Literal["auto"] | float | int, Choices(("auto",), False, (float, int))),
        (float | None, Choices((), True, (float,))),
        (tuple[int, ...], Choices((), False, (tuple[int, ...],))),
    ],
)
def test_choices_are_the_words_of_the_annotation(annotation, choices):
    assert choices_of(annotation) == choices


def test_every_kind_of_choice_is_among_those_that_are_tested():
    assert {name for _, name, _ in CHOSEN} >= {
        *(
            "likelihood",
            "variance",
            "binarize",
            "network",
            "activation",
            "posterior_covariance",
            "inference",
            "objective",
        ),
        *("kl", "learning_rate_decay", "rotation", "noise", "method"),
    }
    assert "VampVAE" in CLASSES


@every_choice
def test_a_word_that_is_no_choice_is_refused_with_those_that_are(owner, name, choices):
    listed = " or ".join(map(repr, ([None] if choices.none else []) + list(choices.words)))
    estimator = CLASSES[owner]
    for bad, remedy in (("xyzzy", ""), (3, ""), (choices.words[-1].upper(), f" Did you mean {choices.words[-1]!r}?")):
        message = f"{name} of {owner} must be {listed}; got {bad!r}.{remedy}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            type(estimator)(**estimator.get_params(deep=False) | {name: bad}).fit(np.zeros((4, 3)))


@every_choice
def test_the_docstring_speaks_of_every_choice(owner, name, choices):
    text = _paragraph(type(CLASSES[owner]), name)
    assert [word for word in choices.words if f'"{word}"' not in text] == []


class Strangers(SavableEstimator):
    """An estimator whose hyperparameters allow words and more."""

    def __init__(self, noise: Noise | None = None, width: Literal["auto"] | float = "auto", name: Noise | str = "x"):
        self.noise = noise
        self.width = width
        self.name = name


@pytest.mark.parametrize(
    "good", [{"noise": "low"}, {"noise": None}, {"width": 0.5}, {"width": "auto"}, {"name": "any"}]
)
def test_what_the_annotation_allows_passes(good):
    check_choices(Strangers(**good))
    Strangers(**good)._check_hyperparameters()  # without a line of the stranger's


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"noise": "hihg"}, "noise of Strangers must be None or 'low' or 'high'; got 'hihg'. Did you mean 'high'?"),
        ({"width": "wide"}, "width of Strangers must be 'auto' or float; got 'wide'."),
    ],
)
def test_what_it_does_not_allow_is_refused(bad, message):
    with pytest.raises(ValueError, match=f"^{message.replace('?', '[?]')}$"):
        Strangers(**bad)._check_hyperparameters()


def test_an_annotation_that_means_nothing_while_the_program_runs_is_a_clear_error():
    class Forward(SavableEstimator):
        def __init__(self, noise: "Unknown" = None):
            self.noise = noise

    with pytest.raises(TypeError, match=r"annotations of Forward\.__init__ must be known .* 'Unknown' .*TYPE_CHECKING"):
        check_choices(Forward())
