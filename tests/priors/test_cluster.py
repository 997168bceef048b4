"""The prior of clusters: enumerated densities, and the moments of its draws."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from lowerbound.priors.cluster import ClusterPrior, code_of, split_code
from lowerbound.priors.standard_normal import StandardNormal

WEIGHT = np.array([0.2, 0.5, 0.3])
PRIOR = ClusterPrior(jnp.log(jnp.asarray(WEIGHT, jnp.float32)), StandardNormal(2))


def test_the_density_is_that_of_the_cluster_and_of_its_latents():
    z = np.random.default_rng(0).normal(size=2).astype(np.float32)
    for k in range(3):
        code = code_of(jnp.eye(3)[k], jnp.broadcast_to(z, (3, 2)))
        np.testing.assert_allclose(PRIOR.log_prob(code), np.log(WEIGHT[k]) + norm.logpdf(z).sum(), rtol=1e-5)
        y, latents = split_code(code, 3)
        np.testing.assert_array_equal(y, np.eye(3)[k])
        np.testing.assert_array_equal(latents, np.where(np.eye(3)[k][:, None] > 0, z, 0))


def test_draws_have_the_moments():
    n = 20_000
    draws = np.asarray(jax.vmap(lambda key: PRIOR.sample(key=key))(jax.random.split(jax.random.key(0), n)), float)
    mean, variance = (np.asarray(moment, float) for moment in PRIOR.moments())
    assert PRIOR.latent_dim == draws.shape[1] == 9
    assert np.abs((draws.mean(axis=0) - mean) / np.sqrt(variance / n)).max() < 4
    np.testing.assert_allclose(draws.var(axis=0), variance, rtol=0.05)
