"""Every registered estimator stands in the contract tests' list, so that each new one is held to the contract."""

from lowerbound.estimators.registry import registrations
from tests.contracts.registry import ESTIMATORS


def test_every_registered_estimator_has_an_entry():
    assert {type(entry.make()).__name__ for entry in ESTIMATORS.values()} == {line.name for line in registrations()}
