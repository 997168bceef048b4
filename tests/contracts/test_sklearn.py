"""scikit-learn's own checks, in full, on every estimator for tables of reals.

Ground truth: `sklearn.utils.estimator_checks`. A check that fails for a reason is named with it in the registry; none does.
"""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.contracts.registry import ESTIMATORS, STOPPED_EARLY, cases

CHECKED = [(ESTIMATORS[name].make(**ESTIMATORS[name].quick), ESTIMATORS[name]) for name in cases(sklearn_checks=True)]


def _expected_failures(estimator):
    return next(entry.expected_failures for made, entry in CHECKED if type(made) is type(estimator))


# Two epochs do not make a posterior that importance sampling could trust, nor ten steps a maximum, and need not here.
@pytest.mark.filterwarnings(STOPPED_EARLY)
@pytest.mark.filterwarnings("ignore::lowerbound.EvidenceWarning")
@parametrize_with_checks([made for made, _ in CHECKED], expected_failed_checks=_expected_failures)
def test_scikit_learn_check(estimator, check):
    check(estimator)
