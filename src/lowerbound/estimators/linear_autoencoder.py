r"""Linear autoencoder, the estimator: the best linear code, which is that of PCA, in closed form or by gradient.

    minimize  \sum_n w_n || (x_n - m) - W U (x_n - m) ||^2   over U (latent, features) and W (features, latent)      (1)
    W U = A^T A at the minimum,      A A^T = I,      rows of A: the first eigenvectors of the covariance            (2)
    minimum = \sum_n w_n * (sum of the eigenvalues that are left out)                                               (3)

m is the mean and w the weights of the rows (1 by default). Only the product W U is determined: (U, W) and (R U, W R^{-1}) are
equally good for any invertible R. The closed form takes W = A^T, U = A; descent takes what it meets first. All minima are
global; the other stationary points, projections on other eigenvectors, are saddles.

Both methods fit y = (x - m) / s with ONE scale s for all features, the root mean square deviation: it changes no subspace.

Reference: P. Baldi, K. Hornik, "Neural networks and principal component analysis", Neural Networks 2, 1989.
"""

from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray
from numpy.random import RandomState

from lowerbound.data.dataset import Dataset
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.data.principal_axes import CentredRows, PrincipalAxes, axes_within, center, principal_axes
from lowerbound.fit.optimizer import Decay
from lowerbound.fit.result import FitResult, Status
from lowerbound.interface.architecture import Architecture
from lowerbound.interface.atomic import all_or_nothing
from lowerbound.interface.base import LatentVariableEstimator, seed_of
from lowerbound.interface.checks import check_rows, check_weight
from lowerbound.interface.hyperparameters import check_choices, check_integer, no_type_check
from lowerbound.interface.parts import decoder
from lowerbound.interface.training import Training, check_training
from lowerbound.likelihoods.gaussian import FixedScaleGaussian
from lowerbound.models.autoencoder import Autoencoder as AutoencoderModel
from lowerbound.nn.keys import as_key
from lowerbound.nn.mlp import Linear
from lowerbound.objectives.squared_error import SquaredError

LinearMethod = Literal["closed_form", "gradient"]


class LinearAutoencoder(LatentVariableEstimator):
    r"""\sum_n || x_n - W U x_n ||^2 over centred rows, minimized: codes and reconstructions in the principal subspace.

    Verbs that need a density (``score_samples``, ``sample``, ``log_evidence``, ``elbo``, ``posterior``) are absent.

    Parameters
    ----------
    latent_dim
        Dimension of the code, 1 to the number of features.
    method
        "closed_form": eigenvectors of the covariance (singular vectors, with fewer rows than features). "gradient": Adam on
        minibatches, which finds the same subspace; the other hyperparameters are its own.
    max_epochs, batch_size, learning_rate, learning_rate_decay, max_gradient_norm
        As in :class:`VAE`.
    validation_fraction, patience, random_state, verbose
        As in :class:`VAE`; the closed form uses all rows and no randomness.

    Attributes
    ----------
    components_
        (latent_dim, features): orthonormal rows that span the subspace, by falling variance, the largest entry of each positive.
    mean_
        (features,): mean of the rows.
    constant_features_
        True for features without any spread in the training rows; they are reconstructed as their mean.
    model_, history_, best_epoch_, n_iter_, objective_, status_, n_features_in_, input_shape_
        As in :class:`VAE`; the loss is the squared error per row, in units of the features' root mean square deviation.

    Notes
    -----
    In closed form ``transform(X)`` is ``(X - mean_) @ components_.T``, the scores of PCA, in the units of X. Codes learned by
    gradient are some invertible map of them, another one for every seed.

    Examples
    --------
    >>> import numpy as np
    >>> from lowerbound import LinearAutoencoder
    >>> X = np.array([[0.0, 0.0, 1.0], [3.0, 4.0, 1.0], [6.0, 8.0, 1.0]])
    >>> autoencoder = LinearAutoencoder(latent_dim=1).fit(X)
    >>> autoencoder.components_.round(6).tolist()
    [[0.6, 0.8, 0.0]]
    >>> autoencoder.transform(X).round(4).tolist()
    [[-5.0], [0.0], [5.0]]
    """

    decodes_linearly: ClassVar[bool] = True

    @no_type_check
    def __init__(
        self,
        latent_dim: int = 2,
        *,
        method: LinearMethod = "closed_form",
        max_epochs: int = 500,
        batch_size: int = 128,
        learning_rate: float = 0.05,
        learning_rate_decay: Decay = "cosine",
        max_gradient_norm: float | None = None,
        validation_fraction: float = 0.0,
        patience: int | None = 10,
        random_state: int | RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.latent_dim = latent_dim
        self.method = method
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_decay = learning_rate_decay
        self.max_gradient_norm = max_gradient_norm
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.verbose = verbose

    @property
    def n_parameters_(self) -> int:
        """Free parameters: the subspace, k (d - k), and the mean, d."""
        return int(self.latent_dim) * (self.n_features_in_ - int(self.latent_dim)) + self.n_features_in_

    @all_or_nothing
    def fit(self, X: Any, y: Any = None, *, sample_weight: Any = None) -> "LinearAutoencoder":
        """Minimize the squared error over the rows of X.

        Parameters
        ----------
        X
            (n, features) array or data frame, or (n, height, width[, channels]) images; n >= 2, finite.
        y
            Ignored.
        sample_weight
            (n,) weights of the rows, at least 0, in closed form only; None for equal ones.

        Raises
        ------
        ValueError
            For hyperparameters out of range, weights below 0 or all 0, and data that is not finite or not numeric.
        """
        self._check_hyperparameters()
        X = check_rows(self, X, reset=True)
        if self.latent_dim > self.n_features_in_:
            raise ValueError(
                f"latent_dim of LinearAutoencoder must be at most n_features = {self.n_features_in_}; got {self.latent_dim}. "
                "Lower it."
            )
        if sample_weight is not None and self.method == "gradient":
            raise ValueError(
                "sample_weight of LinearAutoencoder must be None for method='gradient', which counts every row once; got "
                "weights. Use method='closed_form'."
            )
        rows = center(X, weight=check_weight("LinearAutoencoder", sample_weight, n_rows=len(X)))
        self.seed_ = seed_of(self.random_state)
        self.mean_ = rows.mean
        self.constant_features_ = rows.constant.reshape(self.input_shape_)
        self.preprocessing_ = Preprocessing(
            rows.mean.reshape(self.input_shape_), np.full(self.input_shape_, rows.scale)
        )
        if self.method == "closed_form":
            axes = principal_axes(rows, int(self.latent_dim))
            self._set_fitted(self._solution(axes, rows))
        else:
            training = Training(self, Dataset(X, self.preprocessing_), seed=self.seed_)
            step = training.gradient_step(SquaredError())
            self._set_fitted(training.run(self._skeleton(key=as_key(self._key(2))), step))
            axes = axes_within(rows, np.asarray(self.model_.decoder.network.layers[0].weight, np.float64))
        self.components_ = axes.directions
        self.status_ = self.status_.with_notes(_notes(axes))
        return self

    def _solution(self, axes: PrincipalAxes, rows: CentredRows) -> FitResult[AutoencoderModel]:
        """Equation (2) as a model, with its loss (3)."""
        # Codes in the user's units, except where these would leave the range of float32.
        unit = np.clip(rows.scale, 1e-30, 1e30)
        model = eqx.tree_at(
            lambda model: (model.encoder.layers[0], model.decoder.network.layers[0]),
            eqx.filter_eval_shape(self._skeleton, key=jax.random.key(0)),
            (_without_bias(unit * axes.directions), _without_bias(axes.directions.T / unit)),
        )
        loss = max(axes.total_variance - float(axes.variances.sum()), 0.0)
        return FitResult(
            model=model,
            objective=loss,
            history={"loss": np.array([loss])},
            steps=0,
            status=Status("closed_form", "solved in closed form."),
            best_epoch=1,
        )

    def _skeleton(self, *, key: PRNGKeyArray) -> AutoencoderModel:
        encoder_key, decoder_key = jax.random.split(key)
        latent_dim = int(self.latent_dim)
        linear = Architecture("mlp", hidden=(), channels=(), activation="relu")
        return AutoencoderModel(
            encoder=linear.encoder(self.input_shape_, latent_dim, key=encoder_key),
            decoder=decoder(
                self.likelihood_, self.input_shape_, latent_dim=latent_dim, architecture=linear, key=decoder_key
            ),
            likelihood=self.likelihood_,
            code_dim=latent_dim,
            with_mask=False,
        )

    @property
    def likelihood_(self) -> FixedScaleGaussian:
        """Gaussian noise of scale 1, model units: least squares."""
        return FixedScaleGaussian(1.0)

    def _check_hyperparameters(self) -> None:
        check_choices(self)
        owner = "LinearAutoencoder"
        check_integer(owner, "latent_dim", self.latent_dim, minimum=1, maximum=10_000)
        check_training(owner, self)


def _without_bias(weight: Float[np.ndarray, "out in"]) -> Linear:
    return Linear(jnp.asarray(weight, jnp.float32), jnp.zeros(len(weight), jnp.float32))


def _notes(axes: PrincipalAxes) -> tuple[str, ...]:
    n_varying, latent_dim = axes.n_varying, len(axes.variances)
    if n_varying == latent_dim:
        return ()
    return (
        f"X varies in {n_varying} of the latent_dim = {latent_dim} directions only (fewer rows than latents, or constant or "
        "collinear columns): the other components are arbitrary, and their codes 0. Lower latent_dim.",
    )
