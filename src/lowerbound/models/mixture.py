r"""Mixtures of exactly solvable Gaussian models: factor analyzers, diagonal, spherical or full Gaussians.

    y ~ Categorical(pi),    x given y = k ~ component k                                                          (1)
    p(x) = \sum_k pi_k p_k(x),    r_k = p(y = k given x) = pi_k p_k(x) / p(x)                                    (2)
    p(y, z given x) = r_y p_y(z given x)                                                                         (3)

The latent of the mixture is the pair of the cluster y and the factors z of that cluster, written as one vector of K (1 + L)
numbers, the code of ``priors.cluster``:

    code = ( y_1 … y_K,  y_1 z_1,  …,  y_K z_K ).                                                                (4)

Its posterior mean is (r_1 … r_K, r_1 m_1, …, r_K m_K): responsibilities, and responsibility-weighted factors. Decoding is linear
in the code, \sum_k y_k mu_k + W_k (y_k z_k), so that the decoded posterior mean is E[x given z] averaged over the posterior.

q is (3), exact: for every single draw, log prior + log likelihood - log posterior is log p(x). The divergence
KL(q || p) = KL(r || pi) + \sum_k r_k KL(p_k(z given x) || N(0, I)) is reported in 1 + L numbers; the first is KL(r || pi).

References: Z. Ghahramani, G. E. Hinton, "The EM algorithm for mixtures of factor analyzers", 1996; M. E. Tipping, C. M. Bishop,
"Mixtures of probabilistic principal component analysers", Neural Computation 1999.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from lowerbound.data.datum import Datum
from lowerbound.models.full_gaussian import FullGaussian
from lowerbound.models.linear_gaussian import LinearGaussian
from lowerbound.models.model import AbstractClusterModel, AbstractExactModel, Draw, ElboTerms, Predictive
from lowerbound.priors.cluster import ClusterPrior, code_of, split_code

Component = TypeVar("Component", LinearGaussian, FullGaussian)


class Mixture(AbstractExactModel, AbstractClusterModel, Generic[Component]):
    """p(x, (y, z)) of equation (1) with its exact posterior.

    Attributes
    ----------
    log_weight
        log pi, (K,).
    components
        One module whose arrays have a leading axis of K components.
    """

    log_weight: Float[Array | np.ndarray, " components"]
    components: Component

    @property
    def n_components(self) -> int:
        """Number K of components."""
        return len(self.log_weight)

    @property
    def prior(self) -> ClusterPrior:
        """p(y) p(z given y), of codes (4)."""
        return ClusterPrior(self.log_weight, self.components.prior)

    @property
    def latent_dim(self) -> int:
        """Length of the code (4): K (1 + L)."""
        return self.prior.latent_dim

    # ---- level one

    def log_joint(self, datum: Datum, z: Float[Array, " code"]) -> Float[Array, ""]:
        """Log p(y) + log p(z given y) + log p(x_observed given y, z); for a soft code its mean over y."""
        return self.prior.log_prob(z) + self.log_likelihood(datum, z)

    def log_likelihood(self, datum: Datum, z: Float[Array, " code"]) -> Float[Array, ""]:
        """Log p(x_observed given y, z); for a soft code its mean over y."""
        y, factors = split_code(z, self.n_components)
        return jnp.sum(y * jax.vmap(lambda part, own: part.log_likelihood(datum, own))(self.components, factors))

    def encode(self, datum: Datum) -> Float[Array, " code"]:
        """The posterior mean of the code (4)."""
        log_responsibility, means = self._by_cluster(datum, lambda part: part.encode(datum))
        return code_of(jnp.exp(log_responsibility), means)

    def decode(
        self, z: Float[Array, " code"], condition: Float[Array, " condition"] | None = None
    ) -> Float[Array, "*event"]:
        r"""E[x given y, z], linear in the code; components of weight 0 do not count."""
        y, factors = split_code(z, self.n_components)
        decoded = jax.vmap(lambda part, own: part.decode(own))(self.components, factors)
        return jnp.tensordot(y, decoded, axes=1)

    # ---- level two

    def log_responsibility(self, datum: Datum) -> Float[Array, " components"]:
        """Log r_k, equation (2)."""
        return jax.nn.log_softmax(self._log_joint_of_clusters(datum))

    def draw(self, datum: Datum, *, key: PRNGKeyArray) -> Draw:
        """One code from (3) with its log densities; the log weight is log p(x) for every code."""
        cluster_key, factor_key = jax.random.split(key)
        log_responsibility, draws = self._by_cluster(datum, lambda part: part.draw(datum, key=factor_key))
        k = jax.random.categorical(cluster_key, log_responsibility)
        inner: Draw = jax.tree.map(lambda each: each[k], draws)
        y = jax.nn.one_hot(k, self.n_components, dtype=log_responsibility.dtype)
        return Draw(
            code_of(y, jnp.broadcast_to(inner.z, (self.n_components, *inner.z.shape))),
            self.log_weight[k] + inner.log_prior,
            inner.log_likelihood,
            log_responsibility[k] + inner.log_posterior,
        )

    def elbo_terms(self, datum: Datum, *, key: PRNGKeyArray) -> ElboTerms:
        """Log p(x given y, z), averaged over y at one z for each y; and the divergence in 1 + L numbers, the first for y."""
        keys = jax.random.split(key, self.n_components)
        log_responsibility, terms = self._by_cluster(datum, lambda part, key: part.elbo_terms(datum, key=key), keys)
        responsibility = jnp.exp(log_responsibility)
        of_clusters = jnp.sum(responsibility * (log_responsibility - self.log_weight))
        return ElboTerms(
            jnp.sum(responsibility * terms.log_likelihood),
            jnp.concatenate([of_clusters[None], responsibility @ terms.kl]),
        )

    def sample(
        self, condition: Float[Array, " condition"] | None = None, *, key: PRNGKeyArray
    ) -> tuple[Float[Array, "*event"], Float[Array, " code"]]:
        """One (x, code), equation (1)."""
        cluster_key, data_key = jax.random.split(key)
        k = jax.random.categorical(cluster_key, jnp.asarray(self.log_weight))
        part: Component = jax.tree.map(lambda stacked: jnp.asarray(stacked)[k], self.components)
        drawn: tuple[Array, Array] = part.sample(key=data_key)
        y = jax.nn.one_hot(k, self.n_components, dtype=self.log_weight.dtype)
        return drawn[0], code_of(y, jnp.broadcast_to(drawn[1], (self.n_components, self.components.latent_dim)))

    # ---- exact

    def log_evidence(self, datum: Datum) -> Float[Array, ""]:
        """Log p(x_observed), equation (2)."""
        return jax.nn.logsumexp(self._log_joint_of_clusters(datum))

    def predictive(self, datum: Datum) -> Predictive:
        """The components' predictive distributions, weighted by the responsibilities given the observed cells."""
        log_responsibility, parts = self._by_cluster(datum, lambda part: part.predictive(datum))
        return Predictive(log_responsibility, parts.mean[:, 0], parts.variance[:, 0])

    def complete(self, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, "*event"]:
        """Missing cells drawn from one cluster, which is drawn by its responsibility."""
        cluster_key, data_key = jax.random.split(key)
        log_responsibility, completed = self._by_cluster(datum, lambda part: part.complete(datum, key=data_key))
        return jnp.asarray(completed[jax.random.categorical(cluster_key, log_responsibility)])

    def _log_joint_of_clusters(self, datum: Datum) -> Float[Array, " components"]:
        """Log pi_k + log p_k(x_observed)."""
        return self.log_weight + jax.vmap(lambda part: part.log_evidence(datum))(self.components)

    def _by_cluster(
        self, datum: Datum, function: Callable[..., Any], *arguments: PyTree
    ) -> tuple[Float[Array, " components"], Any]:
        """Log responsibilities, and a function of each component: one pass, so that both share the factorizations."""

        def both(part: Component, *own: PyTree) -> tuple[Array, Any]:
            return part.log_evidence(datum), function(part, *own)

        log_evidence, found = jax.vmap(both)(self.components, *arguments)
        return jax.nn.log_softmax(self.log_weight + log_evidence), found


AnyMixture = Mixture[Any]
"""A mixture of either kind of component."""
