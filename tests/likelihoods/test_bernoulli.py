"""Bits, and grey values scored as if they were."""

import jax.numpy as jnp
import numpy as np
from scipy.special import expit

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.bernoulli import Bernoulli


def test_grey_values_score_minus_the_cross_entropy():
    logits = np.linspace(-5, 5, 21)
    grey = np.linspace(0, 1, 21)
    found = Bernoulli().log_prob(jnp.asarray(logits)[None], Datum(jnp.asarray(grey)))
    expected = np.sum(grey * np.log(expit(logits)) + (1 - grey) * np.log(expit(-logits)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_large_logits_lose_no_digits():
    # log p = -l for a zero, and 0 for a one: the stable form, where log(1 - sigmoid(l)) would be -inf.
    for logit in (20.0, 100.0, 1e4):
        assert Bernoulli().log_prob(jnp.array([[logit]]), Datum(jnp.array([0.0]))) == -logit
        assert abs(Bernoulli().log_prob(jnp.array([[logit]]), Datum(jnp.array([1.0])))) < 1e-8
