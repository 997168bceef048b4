"""Autoencoder, the estimator: a deterministic code by least squares (model: ``lowerbound.models.autoencoder``)."""

from typing import Any, ClassVar

import jax
from jaxtyping import PRNGKeyArray
from numpy.random import RandomState

from lowerbound.data.dataset import Dataset
from lowerbound.data.preprocessing import fit_preprocessing
from lowerbound.fit.optimizer import Decay
from lowerbound.interface.architecture import (
    NetworkName,
    architecture_of,
    check_architecture,
    check_image_shape,
)
from lowerbound.interface.atomic import all_or_nothing
from lowerbound.interface.base import LatentVariableEstimator, seed_of
from lowerbound.interface.checks import check_rows
from lowerbound.interface.hyperparameters import check_bool, check_choices, check_integer, no_type_check
from lowerbound.interface.missing_cells import check_observed_columns
from lowerbound.interface.parts import decoder, features_shape
from lowerbound.interface.training import Training, check_training
from lowerbound.likelihoods.gaussian import FixedScaleGaussian
from lowerbound.models.autoencoder import Autoencoder as AutoencoderModel
from lowerbound.nn.activations import Activation
from lowerbound.nn.keys import as_key
from lowerbound.objectives.squared_error import SquaredError


class Autoencoder(LatentVariableEstimator):
    r"""|| x - decoder(encoder(x)) ||^2, minimized: an embedding and reconstructions, without a density.

    Verbs that need a density (``score_samples``, ``sample``, ``log_evidence``, ``elbo``, ``posterior``) are absent.

    Parameters
    ----------
    latent_dim
        Dimension of the code, 1 to 10 000.
    standardize
        Measure errors in units of each feature's standard deviation.
    network
        Of encoder and decoder: "mlp", or "conv" for images.
    hidden
        Widths of the encoder's hidden layers, in reverse those of the decoder; () makes an "mlp" the linear autoencoder, which
        finds the principal subspace.
    channels
        Of the "conv" network, as in :class:`VAE`.
    activation
        Between layers: "relu", "tanh", "gelu", "silu", "elu" or "softplus".
    max_epochs, batch_size, learning_rate, learning_rate_decay, max_gradient_norm
        As in :class:`VAE`.
    validation_fraction, patience, random_state, verbose
        As in :class:`VAE`.

    Attributes
    ----------
    model_, history_, best_epoch_, n_iter_, objective_, status_, n_features_in_, input_shape_
        As in :class:`VAE`; ``history_`` holds loss and squared_error, both the squared error per row in model units.

    Examples
    --------
    >>> import numpy as np
    >>> from lowerbound import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(64, 3))
    >>> Autoencoder(latent_dim=2, hidden=(8,), max_epochs=2, random_state=0).fit(X).reconstruct(X).shape
    (64, 3)
    """

    takes_missing: ClassVar[bool] = True

    @no_type_check
    def __init__(
        self,
        latent_dim: int = 2,
        *,
        standardize: bool = True,
        network: NetworkName = "mlp",
        hidden: tuple[int, ...] = (256, 256),
        channels: tuple[int, ...] = (32, 64),
        activation: Activation = "relu",
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
        self.standardize = standardize
        self.network = network
        self.hidden = hidden
        self.channels = channels
        self.activation = activation
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
    def fit(self, X: Any, y: Any = None) -> "Autoencoder":
        """Minimize the squared error over the rows of X.

        Parameters
        ----------
        X
            (n, features) array or data frame, or (n, height, width[, channels]) images; n >= 2; NaN where a cell is missing.
        y
            Ignored.

        Raises
        ------
        ValueError
            For hyperparameters out of range, infinities, data that is not numeric, and columns without any cell.
        """
        self._check_hyperparameters()
        X = check_rows(self, X, reset=True)
        check_image_shape(self)
        self.seed_ = seed_of(self.random_state)
        self.preprocessing_, measured = fit_preprocessing(X, treatment="real", standardize=self.standardize)
        check_observed_columns(self, measured.seen)
        dataset = Dataset(X, self.preprocessing_)
        self.trained_with_missing_ = not dataset.complete
        training = Training(self, dataset, seed=self.seed_)
        step = training.gradient_step(SquaredError())
        self._set_fitted(training.run(self._skeleton(key=as_key(self._key(2))), step))
        return self

    def _skeleton(self, *, key: PRNGKeyArray) -> AutoencoderModel:
        encoder_key, decoder_key = jax.random.split(key)
        latent_dim, architecture = int(self.latent_dim), architecture_of(self)
        return AutoencoderModel(
            encoder=architecture.encoder(
                features_shape(self.likelihood_, self.input_shape_, with_mask=self.trained_with_missing_),
                latent_dim,
                key=encoder_key,
            ),
            decoder=decoder(
                self.likelihood_,
                self.input_shape_,
                latent_dim=latent_dim,
                architecture=architecture,
                key=decoder_key,
            ),
            likelihood=self.likelihood_,
            code_dim=latent_dim,
            with_mask=self.trained_with_missing_,
        )

    @property
    def likelihood_(self) -> FixedScaleGaussian:
        """Gaussian noise of scale 1, model units: least squares."""
        return FixedScaleGaussian(1.0)

    def _check_hyperparameters(self) -> None:
        owner = "Autoencoder"
        check_choices(self)
        check_integer(owner, "latent_dim", self.latent_dim, minimum=1, maximum=10_000)
        check_bool(owner, "standardize", self.standardize)
        check_architecture(self)
        check_training(owner, self)
