"""64-bit arithmetic where a model holds doubles, and nowhere else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.nn.precision import holds_double, precision_of
from tests.gaussians import factor_analyzer
from tests.linear_gaussian import linear_gaussian

DOUBLE, SINGLE = factor_analyzer(), linear_gaussian().vae()


def test_what_holds_doubles():
    assert holds_double(DOUBLE)
    assert not holds_double(SINGLE)
    assert not holds_double([1.0, 2, "name", None])  # Python numbers are no arrays
    assert holds_double({"a": np.zeros(1, np.float32), "b": [np.zeros(1)]})


@pytest.mark.parametrize(("model", "dtype"), [(DOUBLE, "float64"), (SINGLE, "float32")], ids=["double", "single"])
def test_arithmetic_is_that_of_the_model_and_comes_back(model, dtype):
    with precision_of(model):
        assert jnp.ones(1).dtype == dtype
        assert jax.jit(lambda x: x / 3)(1.0).dtype == dtype
    assert jnp.ones(1).dtype == np.float32
    assert not jax.config.jax_enable_x64


def test_the_setting_comes_back_after_an_error():
    with pytest.raises(ZeroDivisionError), precision_of(DOUBLE):
        raise ZeroDivisionError
    assert jnp.ones(1).dtype == np.float32


def test_a_user_in_64_bits_stays_there():
    with jax.enable_x64(True):
        with precision_of(SINGLE):
            assert jnp.ones(1).dtype == np.float64
        assert jnp.ones(1).dtype == np.float64
