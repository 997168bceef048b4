"""VAE, the estimator: a continuous mixture with an amortized posterior (model and bound: ``lowerbound.models.vae``)."""

from typing import Any, ClassVar, Literal

import jax
import numpy as np
from jaxtyping import Int, PRNGKeyArray, Shaped
from numpy.random import RandomState

from lowerbound.data.dataset import Dataset
from lowerbound.data.frames import column_label
from lowerbound.data.moments import reader
from lowerbound.data.preprocessing import Treatment, check_grey_levels, fit_preprocessing
from lowerbound.evaluate.fit_notes import fit_notes
from lowerbound.findings.fitted import feature_names
from lowerbound.fit.optimizer import Decay
from lowerbound.interface.architecture import NetworkName, architecture_of, check_architecture, check_image_shape
from lowerbound.interface.atomic import all_or_nothing
from lowerbound.interface.base import seed_of
from lowerbound.interface.checks import check_rows
from lowerbound.interface.hyperparameters import (
    check_bool,
    check_choices,
    check_integer,
    check_number,
    no_type_check,
)
from lowerbound.interface.missing_cells import ImputingEstimator, check_observed_columns, empty_rows_note
from lowerbound.interface.parts import LikelihoodName, Variance, decoder, gaussian_encoder, named_likelihood
from lowerbound.interface.training import Training, check_training
from lowerbound.likelihoods.likelihood import AbstractLikelihood
from lowerbound.models.vae import VAE as VAEModel
from lowerbound.nn.activations import Activation
from lowerbound.nn.keys import as_key
from lowerbound.objectives.elbo import ELBO, KLTerm
from lowerbound.objectives.importance_weighted import ImportanceWeighted
from lowerbound.posteriors.encoder import Family
from lowerbound.priors.standard_normal import StandardNormal

Binarization = Literal["dynamic", "threshold", "none"]
Inference = Literal["amortized"]
ObjectiveName = Literal["elbo", "importance_weighted"]

_MOST_CODES = 10_000


class VAE(ImputingEstimator):
    r"""log p(x) >= E_q[log p(x given z)] - KL(q(z given x) || N(0, I)), maximized over decoder and encoder together.

    Parameters
    ----------
    latent_dim
        Dimension of z, 1 to 10 000.
    likelihood
        p(x given z): "gaussian" (reals), "bernoulli" ({0, 1}), "categorical" (codes 0, 1, …), "poisson" (counts).
    variance
        Of the Gaussian: one learned per "feature", sigma^2(z) from the "network", or "fixed" at ``noise_scale``.
    noise_scale
        Standard deviation for ``variance="fixed"``, in units of the standardized data; where learning starts for "feature".
    standardize
        Gaussian only: fit in units of each feature's standard deviation; densities are reported in the units of X.
    dequantize
        Gaussian only: X holds integer grey levels 0 … 255; uniform noise on [0, 1) is added afresh at every use.
    binarize
        Bernoulli only, for grey values (uint8, or floats in [0, 1]): "dynamic" draws bits afresh every epoch (and once per row
        in evaluation), "threshold" cuts at half, "none" scores grey values as probabilities (a loss, not a likelihood). None
        takes zeros and ones only.
    network
        Of encoder and decoder: "mlp", or "conv" for images of at least 4 x 4 pixels with 1 or 3 channels.
    hidden
        Widths of the encoder's hidden layers, in reverse those of the decoder; () makes an "mlp" linear. A "conv" has them
        between its convolutions and the latents.
    channels
        Of the "conv" network's layers, each of which halves height and width; in reverse those of the decoder.
    activation
        Between layers: "relu", "tanh", "gelu", "silu", "elu" or "softplus".
    posterior_covariance
        "diagonal" or "full", of q(z given x).
    inference
        "amortized".
    objective
        "elbo" or "importance_weighted" (IWAE, with ``n_importance_samples`` draws).
    n_importance_samples
        Draws per row of the importance-weighted bound.
    kl
        Of the ELBO: "closed_form" or "sampled".
    beta
        Of the ELBO: weight of the KL; 1 for a bound on log p(x).
    warmup_epochs
        Of the ELBO: epochs over which the weight grows from 0 to ``beta``.
    free_bits
        Of the ELBO: nats per latent dimension that cost nothing.
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
        Share of rows on which the loss is watched, the best epoch kept, and early stopping decided; 0 below 200 rows.
    patience
        Epochs without a better validation loss before stopping; None for never.
    random_state
        Seed of everything: an int makes fits repeat exactly.
    verbose
        Show progress on standard error.

    Attributes
    ----------
    model_
        The fitted module, ``lowerbound.models.vae.VAE``.
    history_
        Name -> one number per epoch: loss, bound, log_likelihood, kl, and their ``validation_`` namesakes, nats per row.
    best_epoch_
        Epoch of the returned parameters, from 1.
    n_iter_
        Epochs run.
    objective_
        Loss of the returned parameters.
    status_
        How the fit ended, with the remedy where one is needed.
    n_features_in_
        Cells per row.
    input_shape_
        Shape of a row.
    constant_features_
        True for features without any spread in the training rows: a density there is meaningless.
    trained_with_missing_
        Whether the training rows had missing cells: the encoder then sees which cells were observed.

    Notes
    -----
    Missing cells (NaN) are left out of the likelihood, which factorizes over cells: the bound is one on log p(x_observed). With
    ``objective="importance_weighted"`` that is MIWAE (Mattei & Frellsen 2019).

    Examples
    --------
    >>> import numpy as np
    >>> from lowerbound import VAE
    >>> X = np.random.default_rng(0).normal(size=(64, 3))
    >>> vae = VAE(latent_dim=2, hidden=(8,), max_epochs=2, random_state=0).fit(X)
    >>> vae.transform(X).shape, vae.elbo(X).shape
    ((64, 2), (64,))
    """

    takes_missing: ClassVar[bool] = True

    @no_type_check
    def __init__(
        self,
        latent_dim: int = 2,
        *,
        likelihood: LikelihoodName = "gaussian",
        variance: Variance = "feature",
        noise_scale: float = 1.0,
        standardize: bool = True,
        dequantize: bool = False,
        binarize: Binarization | None = None,
        network: NetworkName = "mlp",
        hidden: tuple[int, ...] = (256, 256),
        channels: tuple[int, ...] = (32, 64),
        activation: Activation = "relu",
        posterior_covariance: Family = "diagonal",
        inference: Inference = "amortized",
        objective: ObjectiveName = "elbo",
        n_importance_samples: int = 5,
        kl: KLTerm = "closed_form",
        beta: float = 1.0,
        warmup_epochs: int = 0,
        free_bits: float = 0.0,
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
        self.likelihood = likelihood
        self.variance = variance
        self.noise_scale = noise_scale
        self.standardize = standardize
        self.dequantize = dequantize
        self.binarize = binarize
        self.network = network
        self.hidden = hidden
        self.channels = channels
        self.activation = activation
        self.posterior_covariance = posterior_covariance
        self.inference = inference
        self.objective = objective
        self.n_importance_samples = n_importance_samples
        self.kl = kl
        self.beta = beta
        self.warmup_epochs = warmup_epochs
        self.free_bits = free_bits
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
    def fit(self, X: Any, y: Any = None) -> "VAE":
        """Maximize the bound over the rows of X.

        Parameters
        ----------
        X
            (n, features) array or data frame, or (n, height, width[, channels]) images; n >= 2, inside the support of the
            likelihood; NaN where a cell is missing. uint8 and bool stay so in memory, and a memory-mapped array on disk.
        y
            Ignored.

        Raises
        ------
        ValueError
            For hyperparameters out of range, and data that the model has no probability for.
        """
        self._check_hyperparameters()
        X = check_rows(self, X, reset=True)
        check_image_shape(self)
        self.seed_ = seed_of(self.random_state)
        self.preprocessing_, measured = fit_preprocessing(X, treatment=self._treatment, standardize=self.standardize)
        self.constant_features_ = measured.constant
        check_observed_columns(self, measured.seen)
        if self.likelihood == "categorical":
            self.n_codes_ = self._count_codes(X)
        self._check_values(X)
        dataset = Dataset(X, self.preprocessing_)
        self.trained_with_missing_ = not dataset.complete
        training = Training(self, dataset, seed=self.seed_)
        model = self._skeleton(key=as_key(self._key(2)))
        objective = self._objective(steps_per_epoch=training.steps_per_epoch)
        self._set_fitted(training.run(model, training.gradient_step(objective)))
        self.status_ = self.status_.with_notes(self._notes(dataset))
        return self

    # ---- from hyperparameters to the parts

    def _skeleton(self, *, key: PRNGKeyArray) -> VAEModel:
        encoder_key, decoder_key = jax.random.split(key)
        likelihood = self._untrained_likelihood()
        architecture = architecture_of(self)
        return VAEModel(
            prior=StandardNormal(int(self.latent_dim)),
            encoder=gaussian_encoder(
                likelihood,
                self.input_shape_,
                latent_dim=int(self.latent_dim),
                family=self.posterior_covariance,
                with_mask=self.trained_with_missing_,
                architecture=architecture,
                key=encoder_key,
            ),
            decoder=decoder(
                likelihood,
                self.input_shape_,
                latent_dim=int(self.latent_dim),
                architecture=architecture,
                key=decoder_key,
            ),
            likelihood=likelihood,
        )

    def _untrained_likelihood(self) -> AbstractLikelihood:
        return named_likelihood(
            self.likelihood,
            self.input_shape_,
            variance=self.variance,
            noise_scale=self.noise_scale,
            n_codes=self.n_codes_ if self.likelihood == "categorical" else None,
        )

    def _objective(self, *, steps_per_epoch: int) -> ELBO | ImportanceWeighted:
        if self.objective == "importance_weighted":
            return ImportanceWeighted(int(self.n_importance_samples))
        return ELBO(
            beta=float(self.beta),
            warmup_steps=int(self.warmup_epochs * steps_per_epoch),
            free_bits=float(self.free_bits),
            kl=self.kl,
        )

    @property
    def likelihood_(self) -> AbstractLikelihood:
        """p(x given z): as fitted, or untrained before."""
        return self.model_.likelihood if hasattr(self, "model_") else self._untrained_likelihood()

    @property
    def _treatment(self) -> Treatment:
        if self.dequantize:
            return "dequantize"
        treatments: dict[str | None, Treatment] = {
            None: "real" if self.likelihood == "gaussian" else "discrete",
            "dynamic": "dynamic",
            "threshold": "threshold",
            "none": "grey",
        }
        return treatments[self.binarize]

    # ---- checks and notes

    def _check_hyperparameters(self) -> None:
        owner = type(self).__name__
        check_choices(self)
        check_integer(owner, "latent_dim", self.latent_dim, minimum=1, maximum=10_000)
        check_number(owner, "noise_scale", self.noise_scale, minimum=0, above=True)
        check_bool(owner, "standardize", self.standardize)
        check_bool(owner, "dequantize", self.dequantize)
        check_architecture(self)
        check_integer(owner, "n_importance_samples", self.n_importance_samples, minimum=1)
        check_number(owner, "beta", self.beta, minimum=0)
        check_integer(owner, "warmup_epochs", self.warmup_epochs, minimum=0)
        check_number(owner, "free_bits", self.free_bits, minimum=0)
        check_training(owner, self)
        if self.dequantize and self.likelihood != "gaussian":
            raise ValueError(
                f"dequantize of {owner} must be False for likelihood={self.likelihood!r}; it makes grey levels real."
            )
        if self.binarize is not None and self.likelihood != "bernoulli":
            raise ValueError(
                f"binarize of {owner} must be None for likelihood={self.likelihood!r}; got {self.binarize!r}."
            )
        if self.free_bits > 0 and (self.kl == "sampled" or self.objective != "elbo"):
            raise ValueError(
                f"free_bits of {owner} must be 0 unless objective='elbo' with kl='closed_form', which has a KL per dimension; "
                f"got {self.free_bits!r}."
            )
        if self.objective == "importance_weighted" and (self.beta != 1 or self.warmup_epochs > 0):
            raise ValueError(
                f"beta and warmup_epochs of {owner} must be 1 and 0 for objective='importance_weighted', which has no KL term; "
                f"got {self.beta!r} and {self.warmup_epochs!r}."
            )

    def _count_codes(self, X: Shaped[np.ndarray, "n *event"]) -> Int[np.ndarray, "*event"]:
        """Number of category codes of each column: the largest one in training, plus one."""
        largest = np.fmax.reduce(X, axis=0)
        if largest.max() >= _MOST_CODES:
            column = np.unravel_index(np.argmax(largest), largest.shape)
            raise ValueError(
                f"X of VAE must hold at most {_MOST_CODES} category codes for the categorical likelihood; got code "
                f"{int(largest.max())} in column {column_label(column, feature_names(self))}. Number the codes 0, 1, 2, … or "
                "group rare ones."
            )
        return np.maximum(largest, 0).astype(np.int32) + 1

    def _check_values(self, array: Shaped[np.ndarray, "n *event"]) -> None:
        treatment = self.preprocessing_.treatment
        if treatment in ("real", "discrete"):
            super()._check_values(array)
        else:
            white_level, names = self.preprocessing_.white_level, feature_names(self)
            check_grey_levels(array, treatment, white_level=white_level, owner="VAE", names=names)

    def _notes(self, dataset: Dataset) -> tuple[str, ...]:
        notes = fit_notes(
            self.model_,
            self.likelihood_,
            dataset,
            constant=self.constant_features_,
            names=feature_names(self),
            key=as_key(self._key(3)),
        )
        return (
            notes
            if dataset.complete
            else notes + empty_rows_note(reader(dataset.values), len(dataset), self.n_features_in_)
        )
