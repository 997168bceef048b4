"""The options of ``lowerbound fit``, each with the models that have it in its panel or text.

An option left out leaves the estimator's own default, which the help shows: "100; linear_autoencoder 500" is 100 for every model
but the one that is named.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lowerbound.cli.files import Split

Model = Literal["vae", "autoencoder", "linear_autoencoder", "ppca", "fa", "mfa"]
Activation = Literal["relu", "tanh", "gelu", "silu", "elu", "softplus"]

_OUTPUT, _MODEL = "Output", "Model"
_EXACT = "Exact models: ppca, fa, mfa"
_DENSITY = "Likelihood and bound: vae"
_NETWORK = "Network: vae, autoencoder"
_TRAINING = "Training by gradient: vae, autoencoder, linear_autoencoder"


def _option(*names: str, group: str, default: str = "", text: str, metavar: str | None = None) -> Any:
    return typer.Option(
        *names, help=text, rich_help_panel=group, show_default=default or False, metavar=metavar
    )  # fmt: skip


Out = Annotated[Path, _option("--out", group=_OUTPUT, text="Folder to save the model in; it must be new.")]
Overwrite = Annotated[bool, _option("--overwrite", group=_OUTPUT, text="Replace a saved model.")]
Quiet = Annotated[bool, _option("--quiet", "-q", group=_OUTPUT, text="No progress bar.")]

SplitOption = Annotated[
    Split | None, _option("--split", group=_MODEL, default="train", text="Part of a named data set.")
]
LatentDim = Annotated[
    int | None,
    _option("--latent-dim", group=_MODEL, default="2", text="Dimension of z; 0 makes mfa a Gaussian mixture."),
]
Standardize = Annotated[
    bool | None,
    _option(
        "--standardize/--no-standardize",
        group=_MODEL,
        default="standardize; ppca no-standardize; mfa no-standardize",
        text="Unit variance inside: vae, autoencoder, ppca, isotropic mfa.",
    ),
]
Dequantize = Annotated[
    bool | None,
    _option(
        "--dequantize/--no-dequantize",
        group=_MODEL,
        default="no-dequantize",
        text="Integer grey levels 0 … 255: add uniform noise. vae (gaussian), ppca, fa, mfa.",
    ),
]
Seed = Annotated[int, _option("--seed", group=_MODEL, default="0", text="The same seed, the same model.")]

NClusters = Annotated[int | None, _option("--n-clusters", group=_EXACT, default="2", text="Components of mfa.")]
Noise = Annotated[
    Literal["diagonal", "isotropic", "full"] | None,
    _option("--noise", group=_EXACT, default="diagonal", text="Of mfa; full goes with --latent-dim 0."),
]
SharedNoise = Annotated[
    bool | None,
    _option("--shared-noise/--own-noise", group=_EXACT, default="own-noise", text="Of mfa: one for all components."),
]
NoiseFloor = Annotated[
    float | None,
    _option(
        "--noise-floor",
        group=_EXACT,
        default="1e-06; fa 0.001",
        text="Least noise, a share of a column's variance. Few rows: raise it.",
    ),
]
RotationOption = Annotated[
    Literal["varimax", "quartimax", "promax"] | None,
    _option("--rotation", group=_EXACT, text="Of fa's loadings, to simple structure."),
]
Method = Annotated[
    Literal["closed_form", "em", "gradient"] | None,
    _option(
        "--method",
        group=_EXACT,
        default="closed_form",
        text="Of ppca (closed_form, em) and linear_autoencoder (closed_form, gradient).",
    ),
]
NInit = Annotated[int | None, _option("--n-init", group=_EXACT, default="1", text="Starts of mfa; the best is kept.")]
Tol = Annotated[
    float | None,
    _option(
        "--tol", group=_EXACT, default="1e-07; mfa 1e-06", text="Nats per row: EM ends below this gain of log p(x)."
    ),
]
MaxIter = Annotated[
    int | None, _option("--max-iter", group=_EXACT, default="1000; mfa 500", text="Most iterations of EM.")
]

LikelihoodOption = Annotated[
    Literal["gaussian", "bernoulli", "categorical", "poisson"] | None,
    _option(
        "--likelihood",
        group=_DENSITY,
        default="gaussian",
        metavar="NAME",
        text="p(x given z): gaussian, bernoulli (bits), categorical (codes) or poisson (counts).",
    ),
]
Variance = Annotated[
    Literal["feature", "network", "fixed"] | None,
    _option("--variance", group=_DENSITY, default="feature", text="The Gaussian's: per feature, of z, or fixed."),
]
Binarize = Annotated[
    Literal["dynamic", "threshold", "none"] | None,
    _option("--binarize", group=_DENSITY, text="Bernoulli: how grey values become bits (none: a loss)."),
]
PosteriorCovariance = Annotated[
    Literal["diagonal", "full"] | None,
    _option("--posterior-covariance", group=_DENSITY, default="diagonal", text="Of q(z given x)."),
]
Objective = Annotated[
    Literal["elbo", "importance_weighted"] | None,
    _option("--objective", group=_DENSITY, default="elbo", text="The bound that is maximized."),
]
NImportanceSamples = Annotated[
    int | None, _option("--n-importance-samples", group=_DENSITY, default="5", text="Draws of that bound.")
]
Beta = Annotated[float | None, _option("--beta", group=_DENSITY, default="1.0", text="Weight of the KL.")]
WarmupEpochs = Annotated[
    int | None, _option("--warmup-epochs", group=_DENSITY, default="0", text="Over which beta grows from 0.")
]
FreeBits = Annotated[
    float | None, _option("--free-bits", group=_DENSITY, default="0.0", text="Nats per latent without cost.")
]

Network = Annotated[
    Literal["mlp", "conv"] | None, _option("--network", group=_NETWORK, default="mlp", text="conv is for images.")
]
Hidden = Annotated[
    str | None, _option("--hidden", group=_NETWORK, default="256,256", text="Layer widths; '' for none.")
]
Channels = Annotated[
    str | None, _option("--channels", group=_NETWORK, default="32,64", text="Of conv: each layer halves the image.")
]
ActivationOption = Annotated[
    Activation | None, _option("--activation", group=_NETWORK, default="relu", text="Between layers.")
]

Epochs = Annotated[
    int | None, _option("--epochs", group=_TRAINING, default="100; linear_autoencoder 500", text="Most epochs.")
]
BatchSize = Annotated[
    int | None, _option("--batch-size", group=_TRAINING, default="128", text="Most rows in a minibatch.")
]
LearningRate = Annotated[
    float | None,
    _option(
        "--learning-rate", group=_TRAINING, default="0.001; linear_autoencoder 0.05", text="Adam's first step size."
    ),
]
ValidationFraction = Annotated[
    float | None,
    _option(
        "--validation-fraction",
        group=_TRAINING,
        default="0.1; linear_autoencoder 0.0",
        text="Share of rows that choose the epoch.",
    ),
]
Patience = Annotated[
    int | None, _option("--patience", group=_TRAINING, default="10", text="Epochs without a better one; 0: never stop.")
]
