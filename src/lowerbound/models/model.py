r"""The abstract levels that every model stands on. All methods speak of ONE datum; rows come in by ``vmap`` outside.

A level says what a model can do, and each one includes those above it:

    AbstractModel            encodes and decodes
        log_likelihood(datum, z)   log p(x_observed given z): reconstruction, in nats
        encode(datum)              a point in latent space: the posterior mean, or the code of a deterministic encoder
        decode(z, condition)       E[x given z, c]
    AbstractGenerativeModel  a proper prior; no q with a density is needed
        sample(condition, key)     (x, z) ~ p(x, z given c)
        log_joint(datum, z)        log p(x_observed, z): what annealing and Markov chains use
    AbstractDensityModel     q(z given x) has a density, so the evidence can be bounded and estimated
        draw(datum, key)           z ~ q with its three log densities: importance-weighted bounds, held-out log p(x)
        elbo_terms(datum, key)     log p(x given z) and KL(q || p): same expectation, lower variance, the ELBO's family
    AbstractExactModel       q is the exact posterior, and the evidence is known in closed form
        log_evidence(datum)        log p(x_observed), without sampling
        predictive(datum)          p(x_j given x_observed) of each cell: imputation
        complete(datum, key)       missing cells drawn given the observed ones

Beside the levels stand four abilities that a model has or has not:

    AbstractGaussianPosteriorModel   q(z given x) is one Gaussian: its moments can be asked for
    AbstractClusterModel             rows belong to clusters
    AbstractImputingModel            missing cells can be drawn, or weighed, given z: imputation by importance sampling
    AbstractLocalModel               q has parameters of its own for each datum (mean field, Markov chains): ``infer`` finds them

For z ~ q(z given x),  log p(x) >= E[log_prior + log_likelihood - log_posterior]: the ELBO, with equality, for every single z,
where q is the exact posterior.
"""

from abc import abstractmethod
from dataclasses import replace
from typing import NamedTuple

import equinox as eqx
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.likelihood import AbstractLikelihood
from lowerbound.nn.compilation_cache import use_compilation_cache
from lowerbound.posteriors.gaussian import AbstractGaussianPosterior

use_compilation_cache()  # JAX takes a folder before its first compilation only, and whatever compiles has a model


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
    """A way into latent space and back, with a log density of the data given a point in it."""

    @property
    @abstractmethod
    def latent_dim(self) -> int:
        """Dimension of z."""

    @abstractmethod
    def log_likelihood(self, datum: Datum, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log p(x_observed given z) in nats."""

    @abstractmethod
    def encode(self, datum: Datum) -> Float[Array, " latent"]:
        """Posterior mean, or the code."""

    @abstractmethod
    def decode(
        self, z: Float[Array, " latent"], condition: Float[Array, " condition"] | None = None
    ) -> Float[Array, "*event"]:
        """E[x given z, c], model units; models without a condition ignore it."""


class AbstractGenerativeModel(AbstractModel):
    """A model with a proper prior to sample from."""

    @abstractmethod
    def log_joint(self, datum: Datum, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log p(x_observed, z) in nats."""

    @abstractmethod
    def sample(
        self, condition: Float[Array, " condition"] | None = None, *, key: PRNGKeyArray
    ) -> tuple[Float[Array, "*event"], Float[Array, " latent"]]:
        """One (x, z) from p(x, z given c), x in model units."""


class AbstractDensityModel(AbstractGenerativeModel):
    """A generative model whose q(z given x) has a density."""

    @abstractmethod
    def draw(self, datum: Datum, *, key: PRNGKeyArray) -> Draw:
        """One z ~ q(z given x) with its log densities."""

    @abstractmethod
    def elbo_terms(self, datum: Datum, *, key: PRNGKeyArray) -> ElboTerms:
        """Reconstruction term at one z ~ q, and the KL."""


class AbstractGaussianPosteriorModel(AbstractDensityModel):
    """A density model whose q(z given x) is one Gaussian, so that its moments can be asked for, and held against the prior's."""

    @abstractmethod
    def posterior(self, datum: Datum) -> AbstractGaussianPosterior:
        """q(z given x)."""

    @abstractmethod
    def prior_moments(self) -> tuple[Float[Array, " latent"], Float[Array, " latent"]]:
        """Mean and variance of each latent under p(z)."""

    @abstractmethod
    def noise_scale(self, z: Float[Array, " latent"]) -> Float[Array, "*event"]:
        """Standard deviation of x given z, cell by cell, in model units; NaN for category codes."""

    @abstractmethod
    def at_floor(self, z: Float[Array, " latent"]) -> Bool[Array, "*event"]:
        """True for cells whose noise rests on its numerical floor at this z."""


class AbstractImputingModel(AbstractDensityModel):
    """A density model whose p(x given z) is a likelihood that factorizes over cells: missing cells given z are known."""

    likelihood: eqx.AbstractVar[AbstractLikelihood]

    @abstractmethod
    def outputs(
        self, z: Float[Array, " latent"], condition: Float[Array, " condition"] | None = None
    ) -> Float[Array, "outputs *event"]:
        """Parameters of the likelihood at z."""


class AbstractExactModel(AbstractDensityModel):
    """A density model whose q(z given x) is p(z given x) and whose evidence is known."""

    @abstractmethod
    def log_evidence(self, datum: Datum) -> Float[Array, ""]:
        """Log p(x_observed) in nats and the user's units; 0 where nothing was observed."""

    @abstractmethod
    def predictive(self, datum: Datum) -> Predictive:
        """p(x_j given x_observed) of each cell, observed ones included: as if measured once more."""

    @abstractmethod
    def complete(self, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, "*event"]:
        """The values, with missing cells drawn from p(x_missing given x_observed), jointly."""


class AbstractClusterModel(AbstractGenerativeModel):
    """A generative model whose rows belong to clusters."""

    @abstractmethod
    def log_responsibility(self, datum: Datum) -> Float[Array, " clusters"]:
        """Log p(cluster given x_observed)."""


class AbstractLocalModel(AbstractModel):
    """A model whose q has parameters of its own for each datum, kept beside the rows during a fit."""

    @abstractmethod
    def initial(self, datum: Datum, *, key: PRNGKeyArray) -> PyTree:
        """The local state of a datum that was never seen."""

    @abstractmethod
    def refine(self, datum: Datum, *, key: PRNGKeyArray) -> PyTree:
        """A better local state than ``datum.local``, the model held fixed: what a minibatch does when its turn comes."""

    @abstractmethod
    def fit_local(self, datum: Datum, *, key: PRNGKeyArray) -> PyTree:
        """The local state of a new datum: refined until it is good, the model held fixed."""


def infer(model: AbstractModel, datum: Datum, *, key: PRNGKeyArray) -> Datum:
    """The datum with its local state, where the model has any; the datum itself where q is amortized or exact.

    Called once for a new row, at the boundary: no method of a model needs a second signature for local state.
    """
    if not isinstance(model, AbstractLocalModel) or datum.local is not None:
        return datum
    return with_local(datum, model.fit_local(datum, key=key))


def with_local(datum: Datum, local: PyTree) -> Datum:
    """The datum with this local state."""
    return replace(datum, local=local)
