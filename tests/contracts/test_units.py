"""Units of the data: an offset or a scale changes a fit by the change of variables only, or one error names the column.

The reference is the same estimator fitted to the same numbers near zero (those that float64 leaves of X + c, or X itself).
"""

import numpy as np
import pandas as pd
import pytest

from tests.contracts.registry import ESTIMATORS, STOPPED_EARLY, fitted, reals

REALS = [name for name, entry in ESTIMATORS.items() if entry.rows is reals and entry.latents]
X = reals() / 10
SPREAD = X.std()


CHAOTIC = {name for name in REALS if ESTIMATORS[name].clusters} | {"LinearAutoencoder gradient"}
"""Fits that rounding decides: starts that depend on the rows' hashes, and a bias whose first gradient is 0 to rounding."""


def quick(name):
    return ESTIMATORS[name].make(**ESTIMATORS[name].quick)


@pytest.mark.filterwarnings(STOPPED_EARLY)
@pytest.mark.parametrize("name", REALS)
def test_offsets_are_carried_and_taken_off_in_float64(name):
    for offset, error in ((1e3, 2e-5), (4.5e6, 2e-5), (1.7e9, 2e-5), (1e12, 0.01)):
        far = X + offset
        near = far - offset  # what float64 leaves of X
        there, here = quick(name).fit(far), quick(name).fit(near)
        found, expected = there.reconstruct(far) - offset, here.reconstruct(near)
        assert found.dtype == np.float64
        if name in CHAOTIC:
            assert np.std(found - near) < 1.5 * np.std(expected - near)
        else:
            np.testing.assert_allclose(found, expected, atol=error * SPREAD, err_msg=str(offset))
        if ESTIMATORS[name].density:
            draws = there.sample(1000)
            assert min(len(np.unique(column)) for column in draws.T) > 900
            assert draws.std(axis=0) == pytest.approx(here.sample(1000).std(axis=0), rel=0.05)


@pytest.mark.filterwarnings(STOPPED_EARLY)
@pytest.mark.parametrize("name", REALS)
def test_scales_are_carried_or_refused_by_name(name):
    here = quick(name).fit(X)
    for exponent in (-300, -200, -140, -47, -30, 30, 47, 140, 200, 300):
        table = pd.DataFrame(X * 10.0**exponent, columns=["a", "b", "c"])
        size = 10.0 ** abs(exponent)
        if size > 1e150 or (exponent > 38 and ESTIMATORS[name].dtype == "float32"):
            with pytest.raises(ValueError, match=r"'a'.* Rescale X\.$"):
                quick(name).fit(table)
            continue
        there = quick(name).fit(table)
        found = there.reconstruct(table) / 10.0**exponent
        if name in CHAOTIC:
            assert np.std(found - X) < 1.5 * np.std(here.reconstruct(X) - X)
            continue
        np.testing.assert_allclose(found, here.reconstruct(X), atol=1e-4 * SPREAD)
        if ESTIMATORS[name].exact:
            change = -X.shape[1] * exponent * np.log(10)
            np.testing.assert_allclose(there.score_samples(table) - change, here.score_samples(X), atol=1e-4)


def test_numbers_that_single_precision_takes_for_zeros_are_refused_as_they_are():
    with pytest.raises(
        ValueError, match=r"reach 1e-30 in size, or are zero; got at most .* in column 0. .*standardize=True"
    ):
        ESTIMATORS["VAE"].make(standardize=False).fit(X * 1e-40)


def test_float32_stays_where_it_holds_the_cells():
    assert fitted("VAE").reconstruct(reals()).dtype == np.float32
