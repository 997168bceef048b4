r"""A model of one's own: the VAE with a VampPrior, in one file, with every verb of the library.

    p(z) = (1/K) \sum_k q(z given u_k),      u_1 … u_K learned pseudo-inputs, in the units of the encoder's input     (1)
    log p(x) >= E_q[log p(x given z) + log p(z) - log q(z given x)]                                              (2)

The prior is the mixture of the posteriors of K made-up rows, so that it can be where the codes of real rows are. Nothing in the
library knows of it: the file defines the prior, the model, its estimator, and registers that. From then on

    vamp = VampVAE(latent_dim=2).fit(X);  vamp.log_evidence(X_test);  vamp.impute(X_with_holes);  vamp.save("vamp")
    import own_model;  lowerbound.load("vamp")
    lowerbound --module examples/own_model.py fit vamp_vae digits --likelihood poisson --out vamp
    lowerbound --module examples/own_model.py report vamp digits --out report.html

all work as for the library's own. Run as a program, it holds the VampPrior against N(0, I) on digits.

Reference: J. M. Tomczak, M. Welling, "VAE with a VampPrior", AISTATS 2018, equation 9.
"""

import math
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray
from numpy.random import RandomState

import lowerbound
from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.data.preprocessing import fit_preprocessing
from lowerbound.fit.optimizer import Decay
from lowerbound.interface.architecture import Architecture
from lowerbound.interface.atomic import all_or_nothing
from lowerbound.interface.base import seed_of
from lowerbound.interface.checks import check_rows
from lowerbound.interface.hyperparameters import check_bool, check_choices, check_integer, check_sizes, no_type_check
from lowerbound.interface.missing_cells import ImputingEstimator, check_observed_columns
from lowerbound.interface.parts import decoder, gaussian_encoder, named_likelihood
from lowerbound.interface.training import Training, check_training
from lowerbound.likelihoods.likelihood import AbstractLikelihood
from lowerbound.models.decoder import Decoder
from lowerbound.models.model import AbstractGaussianPosteriorModel, AbstractImputingModel, Draw, ElboTerms
from lowerbound.nn.constants import LOG_TWO_PI
from lowerbound.objectives.elbo import ELBO
from lowerbound.posteriors.encoder import GaussianEncoder
from lowerbound.posteriors.gaussian import AbstractGaussianPosterior
from lowerbound.posteriors.unobserved import draw_or_prior, posterior_or_prior, unless_unobserved
from lowerbound.priors.prior import AbstractPrior


class DiagonalGaussianMixture(AbstractPrior):
    """Mixture of K diagonal Gaussians with equal weights."""

    means: Float[Array, "components latent"]
    log_scales: Float[Array, "components latent"]

    @property
    def latent_dim(self) -> int:
        """Dimension of z."""
        return int(self.means.shape[1])

    def log_prob_by_dimension(self, z: Float[Array, " latent"]) -> Float[Array, " latent"]:
        """Log p(z_i given z_1 … z_{i-1}) of each latent: the chain rule, whose terms add up to log p(z)."""
        whitened = (z - self.means) * jnp.exp(-self.log_scales)
        log_normal = -0.5 * whitened**2 - self.log_scales - 0.5 * LOG_TWO_PI
        log_joint = jax.nn.logsumexp(jnp.cumsum(log_normal, axis=1), axis=0) - math.log(len(self.means))
        return jnp.diff(log_joint, prepend=0.0)

    def log_prob(self, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log p(z) in nats."""
        return jnp.sum(self.log_prob_by_dimension(z))

    def moments(self) -> tuple[Float[Array, " latent"], Float[Array, " latent"]]:
        """Mean and variance of each latent."""
        mean = self.means.mean(axis=0)
        return mean, jnp.mean(jnp.exp(2 * self.log_scales) + (self.means - mean) ** 2, axis=0)

    def sample(self, *, key: PRNGKeyArray) -> Float[Array, " latent"]:
        """One z ~ p(z)."""
        component_key, noise_key = jax.random.split(key)
        k = jax.random.randint(component_key, (), 0, len(self.means))
        return self.means[k] + jnp.exp(self.log_scales[k]) * jax.random.normal(noise_key, self.means.shape[1:])


class VampVAEModel(AbstractGaussianPosteriorModel, AbstractImputingModel):
    """p(x, z) with the prior (1), and its bound (2)."""

    encoder: GaussianEncoder
    decoder: Decoder
    likelihood: AbstractLikelihood
    pseudo_inputs: Float[Array, "components *event"]

    @property
    def latent_dim(self) -> int:
        """Dimension of z."""
        return self.encoder.latent_dim

    @property
    def prior(self) -> DiagonalGaussianMixture:
        """Equation (1)."""
        posteriors = jax.vmap(lambda u: self.encoder(self.likelihood, Datum(u)))(self.pseudo_inputs)
        return DiagonalGaussianMixture(posteriors.mean, posteriors.log_scale)

    def prior_moments(self) -> tuple[Float[Array, " latent"], Float[Array, " latent"]]:
        """Mean and variance of each latent under (1)."""
        return self.prior.moments()

    def posterior(self, datum: Datum) -> AbstractGaussianPosterior:
        """q(z given x), diagonal; where x has no observed cell, with the moments of the prior."""
        return posterior_or_prior(datum, self.encoder(self.likelihood, datum), self.prior)

    def outputs(
        self, z: Float[Array, " latent"], condition: Float[Array, " condition"] | None = None
    ) -> Float[Array, "outputs *event"]:
        """The decoder at z."""
        return self.decoder(z)

    def log_likelihood(self, datum: Datum, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log p(x_observed given z)."""
        return self.likelihood.log_prob(self.outputs(z), datum)

    def log_joint(self, datum: Datum, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log p(z) + log p(x_observed given z)."""
        return self.prior.log_prob(z) + self.log_likelihood(datum, z)

    def encode(self, datum: Datum) -> Float[Array, " latent"]:
        """Posterior mean."""
        return self.posterior(datum).mean

    def decode(
        self, z: Float[Array, " latent"], condition: Float[Array, " condition"] | None = None
    ) -> Float[Array, "*event"]:
        """E[x given z]."""
        return self.likelihood.mean(self.outputs(z))

    def noise_scale(self, z: Float[Array, " latent"]) -> Float[Array, "*event"]:
        """Standard deviation of the likelihood at z."""
        return jnp.sqrt(self.likelihood.variance(self.outputs(z)))

    def at_floor(self, z: Float[Array, " latent"]) -> Bool[Array, "*event"]:
        """Cells whose likelihood rests on its floor at z."""
        return self.likelihood.at_floor(self.outputs(z))

    def draw(self, datum: Datum, *, key: PRNGKeyArray) -> Draw:
        """One z ~ q with its three log densities; z ~ p(z) where x has no observed cell."""
        z, log_prior, log_posterior = draw_or_prior(datum, self.posterior(datum), self.prior, key=key)
        return Draw(z, log_prior, self.log_likelihood(datum, z), log_posterior)

    def elbo_terms(self, datum: Datum, *, key: PRNGKeyArray) -> ElboTerms:
        """The terms of (2) at one z ~ q: no closed form is known of this KL, so it is sampled, latent by latent."""
        posterior = self.posterior(datum)
        z = posterior.draw(key=key).z
        whitened = posterior.whiten(z - posterior.mean)
        log_posterior = -0.5 * whitened**2 - posterior.log_scale - 0.5 * LOG_TWO_PI
        kl = log_posterior - self.prior.log_prob_by_dimension(z)
        return ElboTerms(self.log_likelihood(datum, z), unless_unobserved(datum, kl, jnp.zeros_like(kl)))

    def sample(
        self, condition: Float[Array, " condition"] | None = None, *, key: PRNGKeyArray
    ) -> tuple[Float[Array, "*event"], Float[Array, " latent"]]:
        """One (x, z)."""
        latent_key, data_key = jax.random.split(key)
        z = self.prior.sample(key=latent_key)
        return self.likelihood.sample(self.outputs(z), key=data_key), z


class VampVAE(ImputingEstimator):
    """VAE whose prior is a mixture of posteriors of learned pseudo-inputs (VampPrior), fitted by its evidence lower bound.

    Parameters
    ----------
    latent_dim
        Dimension of z, 1 to 10 000.
    n_pseudo_inputs
        Components K of the prior, at least 1.
    likelihood
        p(x given z): "gaussian" (reals) or "poisson" (counts).
    standardize
        Gaussian only: fit in units of each feature's standard deviation; densities are reported in the units of X.
    hidden
        Widths of the encoder's hidden layers, in reverse those of the decoder.
    max_epochs
        Most passes over the training rows.
    batch_size
        Most rows in a minibatch.
    learning_rate
        First step size of Adam.
    learning_rate_decay
        "cosine", to 0 at ``max_epochs``, or "none".
    max_gradient_norm
        Longer gradients are scaled down to this norm; None for never.
    validation_fraction
        Share of rows on which the loss is watched and the best epoch chosen; 0 below 200 rows.
    patience
        Epochs without a better validation loss before stopping; None for never.
    random_state
        Seed of everything.
    verbose
        Show progress on standard error.
    """

    takes_missing: ClassVar[bool] = True

    @no_type_check
    def __init__(
        self,
        latent_dim: int = 2,
        *,
        n_pseudo_inputs: int = 20,
        likelihood: Literal["gaussian", "poisson"] = "gaussian",
        standardize: bool = True,
        hidden: tuple[int, ...] = (256, 256),
        max_epochs: int = 100,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        learning_rate_decay: Decay = "cosine",
        max_gradient_norm: float | None = None,
        validation_fraction: float = 0.1,
        patience: int | None = 10,
        random_state: int | RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.latent_dim = latent_dim
        self.n_pseudo_inputs = n_pseudo_inputs
        self.likelihood = likelihood
        self.standardize = standardize
        self.hidden = hidden
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_decay = learning_rate_decay
        self.max_gradient_norm = max_gradient_norm
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    def fit(self, X: Any, y: Any = None) -> "VampVAE":
        """Maximize the bound (2) over the rows of X; NaN is a missing cell, ``y`` is ignored."""
        self._check_hyperparameters()
        X = check_rows(self, X, reset=True)
        self.seed_ = seed_of(self.random_state)
        treatment: Literal["real", "discrete"] = "real" if self.likelihood == "gaussian" else "discrete"
        self.preprocessing_, measured = fit_preprocessing(X, treatment=treatment, standardize=self.standardize)
        self.constant_features_ = measured.constant
        check_observed_columns(self, measured.seen)
        self._check_values(X)
        dataset = Dataset(X, self.preprocessing_)
        self.trained_with_missing_ = not dataset.complete
        # Pseudo-inputs start at rows, missing cells at their fill values.
        rows = np.random.default_rng(self.seed_).integers(len(X), size=int(self.n_pseudo_inputs))
        starts = jnp.asarray(dataset.records(rows).values, jnp.float32)
        model = eqx.tree_at(lambda model: model.pseudo_inputs, self._skeleton(key=self._key(2)), starts)
        training = Training(self, dataset, seed=self.seed_)
        self._set_fitted(training.run(model, training.gradient_step(ELBO())))
        return self

    def _skeleton(self, *, key: PRNGKeyArray) -> VampVAEModel:
        encoder_key, decoder_key = jax.random.split(key)
        likelihood, shape, latent_dim = self._untrained_likelihood(), self.input_shape_, int(self.latent_dim)
        networks = Architecture("mlp", tuple(self.hidden), (), activation="relu")
        return VampVAEModel(
            encoder=gaussian_encoder(
                likelihood,
                shape,
                latent_dim=latent_dim,
                family="diagonal",
                with_mask=self.trained_with_missing_,
                architecture=networks,
                key=encoder_key,
            ),
            decoder=decoder(likelihood, shape, latent_dim=latent_dim, architecture=networks, key=decoder_key),
            likelihood=likelihood,
            pseudo_inputs=jnp.zeros((int(self.n_pseudo_inputs), *shape), jnp.float32),
        )

    def _untrained_likelihood(self) -> AbstractLikelihood:
        return named_likelihood(self.likelihood, self.input_shape_, variance="feature", noise_scale=1.0, n_codes=None)

    @property
    def likelihood_(self) -> AbstractLikelihood:
        """p(x given z): as fitted, or untrained before."""
        return self.model_.likelihood if "model_" in vars(self) else self._untrained_likelihood()

    def _check_hyperparameters(self) -> None:
        owner = type(self).__name__
        check_choices(self)
        check_integer(owner, "latent_dim", self.latent_dim, minimum=1, maximum=10_000)
        check_integer(owner, "n_pseudo_inputs", self.n_pseudo_inputs, minimum=1)
        check_bool(owner, "standardize", self.standardize)
        check_sizes(owner, "hidden", self.hidden)
        check_training(owner, self)


lowerbound.register(VampVAE, command="vamp_vae", summary="VAE with a VampPrior: a prior that is learned.")


def main() -> None:
    """Held-out log p(x) of digits under both priors."""
    from lowerbound.data.catalog import load_named

    digits = load_named("digits")
    options: dict[str, Any] = {"likelihood": "poisson", "hidden": (128,), "learning_rate": 3e-3, "random_state": 0}
    fitted = [estimator(latent_dim=6, **options).fit(digits.x_train) for estimator in (lowerbound.VAE, VampVAE)]
    print(lowerbound.compare(fitted, digits.x_test))


if __name__ == "__main__":
    main()
