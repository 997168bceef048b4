"""Data without any observed cell: q is the prior, whichever it is, and log p(x) = 0 for every single z."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.data.datum import Datum
from lowerbound.posteriors.gaussian import n_posterior_outputs, posterior_from_outputs
from lowerbound.posteriors.unobserved import posterior_or_prior
from lowerbound.priors.standard_normal import StandardNormal
from tests.linear_gaussian import linear_gaussian
from tests.shifted_prior import ShiftedNormal

PRIORS = [StandardNormal(2), ShiftedNormal(jnp.array([0.3, -2.0]), jnp.array([-0.7, 1.1]))]
EMPTY, WHOLE = (Datum(jnp.ones(5), jnp.full(5, seen)) for seen in (False, True))


@pytest.mark.parametrize("family", ["diagonal", "full"])
@pytest.mark.parametrize("prior", PRIORS, ids=["standard", "shifted"])
def test_without_cells_the_posterior_is_the_prior(family, prior):
    outputs = jax.random.normal(jax.random.key(0), (n_posterior_outputs(family, 2),))
    q = posterior_from_outputs(family, 2, outputs)
    found = posterior_or_prior(EMPTY, q, prior)
    mean, variance = prior.moments()
    np.testing.assert_allclose(found.mean, mean, rtol=1e-6)
    np.testing.assert_allclose(found.covariance(), np.diag(variance), rtol=1e-6)
    for datum in (WHOLE, Datum(jnp.ones(5)), Datum(jnp.ones(5), jnp.arange(5) == 2)):
        np.testing.assert_array_equal(posterior_or_prior(datum, q, prior).mean, q.mean)
        np.testing.assert_array_equal(posterior_or_prior(datum, q, prior).covariance(), q.covariance())


@pytest.mark.parametrize("prior", PRIORS, ids=["standard", "shifted"])
def test_without_cells_every_weight_is_one(prior):
    model = eqx.tree_at(lambda model: model.prior, linear_gaussian(5, 2).vae(), prior)
    keys = jax.random.split(jax.random.key(1), 4000)
    draws = jax.jit(jax.vmap(lambda key: model.draw(EMPTY, key=key)))(keys)
    np.testing.assert_array_equal(draws.log_weight, 0)
    mean, variance = map(np.asarray, prior.moments())
    assert np.abs((draws.z.mean(axis=0) - mean) / np.sqrt(variance / len(keys))).max() < 4
    terms = model.elbo_terms(EMPTY, key=keys[0])
    assert float(terms.log_likelihood) == 0
    np.testing.assert_array_equal(terms.kl, 0)
    assert np.all(np.asarray(model.elbo_terms(WHOLE, key=keys[0]).kl) != 0)
