"""Every registered estimator stands in the contract tests' list, so that each new one is held to the contract."""

import re

from lowerbound.estimators.registry import BUILT_IN, registrations
from lowerbound.interface.capabilities import IMPUTING_ESTIMATORS
from tests.contracts.registry import ESTIMATORS


def test_every_registered_estimator_has_an_entry():
    assert {type(entry.make()).__name__ for entry in ESTIMATORS.values()} == {line.name for line in registrations()}


def test_errors_name_the_estimators_that_take_missing_cells():
    made = {line.name: line.load_class()() for line in BUILT_IN if line.command}
    imputing = {name for name, estimator in made.items() if "impute" not in estimator.absent_verbs()}
    assert set(re.findall(r"\w+", IMPUTING_ESTIMATORS)) - {"or"} == imputing
