r"""The two abstract levels that every model stands on. All methods speak of ONE datum; rows come in by ``vmap`` outside.

Level one, ``AbstractModel``: every model has a joint density, encodes and decodes.

    log_joint(datum, z)      log p(x_observed, z)                    used by annealing and Markov chains
    log_likelihood(datum, z) log p(x_observed given z)               reconstruction, in nats
    encode(datum)            a point in latent space: the posterior mean, or the code of a deterministic encoder
    decode(z)                E[x given z]

Level two, ``AbstractDensityModel``: the model can be sampled from and its q(z given x) has a density, so the evidence can be
bounded and estimated.

    draw(datum, key)         z ~ q with its three log densities      importance-weighted bounds, held-out log p(x), outliers
    elbo_terms(datum, key)   log p(x given z) and KL(q || p)         same expectation, lower variance: the ELBO's family

Models whose evidence and posterior are known in closed form (level two, ``AbstractExactModel``) say so:

    log_evidence(datum)      log p(x_observed), without sampling     exact scores and comparisons
    predictive(datum)        p(x_j given x_observed) of each cell    imputation: means, scales, intervals
    complete(datum, key)     missing cells drawn given observed      multiple imputation

For z ~ q(z given x),  log p(x) >= E[log_prior + log_likelihood - log_posterior]: the ELBO, with equality, for every single z,
where q is the exact posterior.
"""

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from lowerbound.data.datum import Datum
from lowerbound.posteriors.gaussian import AbstractGaussianPosterior


class Draw(NamedTuple):
    """One z ~ q(z given x), with log p(z), log p(x given z) and log q(z given x) in nats."""

    z: Float[Array, " latent"]
    log_prior: Float[Array, ""]
    log_likelihood: Float[Array, ""]
    log_posterior: Float[Array, ""]

    @property
    def log_weight(self) -> Float[Array, "*draws"]:
        """Log p(x, z) - log q(z given x): exp of it averages to p(x), itself averages to the ELBO."""
        return self.log_prior + self.log_likelihood - self.log_posterior


class ElboTerms(NamedTuple):
    """log p(x given z) at one z ~ q, and the closed-form KL(q || p(z)), in nats.

    ``kl`` has one number per latent dimension where the divergence factorizes; its sum is the divergence.
    """

    log_likelihood: Float[Array, ""]
    kl: Float[Array, " latent"]


class Predictive(NamedTuple):
    """p(x_j given x_observed) for every cell j by itself: a mixture of normal distributions, one component for a Gaussian model.

    ``log_weight`` is shared by the cells; ``mean`` and ``variance`` are in model units.
    """

    log_weight: Float[Array, " components"]
    mean: Float[Array, "components *event"]
    variance: Float[Array, "components *event"]


class AbstractModel(eqx.Module):
    """Level one: a joint density of data and latents, with a way into latent space and back."""

    @property
    @abstractmethod
    def latent_dim(self) -> int:
        """Dimension of z."""

    @abstractmethod
    def log_joint(self, datum: Datum, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log p(x_observed, z) in nats."""

    @abstractmethod
    def log_likelihood(self, datum: Datum, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log p(x_observed given z) in nats."""

    @abstractmethod
    def encode(self, datum: Datum) -> Float[Array, " latent"]:
        """Posterior mean, or the code."""

    @abstractmethod
    def decode(self, z: Float[Array, " latent"]) -> Float[Array, "*event"]:
        """E[x given z], model units."""


class AbstractDensityModel(AbstractModel):
    """Level two: a proper prior to sample from, and a q(z given x) with a density."""

    @abstractmethod
    def draw(self, datum: Datum, *, key: PRNGKeyArray) -> Draw:
        """One z ~ q(z given x) with its log densities."""

    @abstractmethod
    def elbo_terms(self, datum: Datum, *, key: PRNGKeyArray) -> ElboTerms:
        """Reconstruction term at one z ~ q, and the KL."""

    @abstractmethod
    def sample(self, *, key: PRNGKeyArray) -> tuple[Float[Array, "*event"], Float[Array, " latent"]]:
        """One (x, z) from p(x, z), x in model units."""


class AbstractGaussianPosteriorModel(AbstractDensityModel):
    """A model on level two whose q(z given x) is one Gaussian, so that its moments can be asked for."""

    @abstractmethod
    def posterior(self, datum: Datum) -> AbstractGaussianPosterior:
        """q(z given x)."""

    @abstractmethod
    def noise_scale(self, z: Float[Array, " latent"]) -> Float[Array, "*event"]:
        """Standard deviation of x given z, cell by cell, in model units; NaN for category codes."""

    @abstractmethod
    def at_floor(self, z: Float[Array, " latent"]) -> Bool[Array, "*event"]:
        """True for cells whose noise rests on its numerical floor at this z."""


class AbstractExactModel(AbstractDensityModel):
    """A model on level two whose q(z given x) is p(z given x) and whose evidence is known."""

    @abstractmethod
    def log_evidence(self, datum: Datum) -> Float[Array, ""]:
        """Log p(x_observed) in nats and the user's units; 0 where nothing was observed."""

    @abstractmethod
    def predictive(self, datum: Datum) -> Predictive:
        """p(x_j given x_observed) of each cell, observed ones included: as if measured once more."""

    @abstractmethod
    def complete(self, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, "*event"]:
        """The values, with missing cells drawn from p(x_missing given x_observed), jointly."""
