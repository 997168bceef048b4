"""``lowerbound fit MODEL DATA --out FOLDER``: fit an estimator and save it."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from lowerbound.cli import console
from lowerbound.cli import fit_options as options
from lowerbound.cli.files import check_new_model, read_rows

EXIT_CODES = {
    "closed_form": 0,
    "converged": 0,
    "max_iter": 0,
    "max_epochs": 0,
    "early_stopping": 0,
    "interrupted": 130,
    "non_finite": 1,
}

_ESTIMATORS = {
    "vae": "VAE",
    "autoencoder": "Autoencoder",
    "linear_autoencoder": "LinearAutoencoder",
    "ppca": "PPCA",
    "fa": "FactorAnalysis",
    "mfa": "MixtureOfFactorAnalyzers",
}
_OPTIONS = {"max_epochs": "epochs"}  # which have another name than their hyperparameter


def fit(
    model: Annotated[options.Model, typer.Argument(help="What to fit.", metavar="MODEL")],
    data: Annotated[str, typer.Argument(help="A file, or a name from `lowerbound data`.", metavar="DATA")],
    out: options.Out,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    split: options.SplitOption = None,
    latent_dim: options.LatentDim = None,
    standardize: options.Standardize = None,
    dequantize: options.Dequantize = None,
    seed: options.Seed = 0,
    n_clusters: options.NClusters = None,
    noise: options.Noise = None,
    shared_noise: options.SharedNoise = None,
    noise_floor: options.NoiseFloor = None,
    rotation: options.RotationOption = None,
    method: options.Method = None,
    n_init: options.NInit = None,
    tol: options.Tol = None,
    max_iter: options.MaxIter = None,
    likelihood: options.LikelihoodOption = None,
    variance: options.Variance = None,
    binarize: options.Binarize = None,
    posterior_covariance: options.PosteriorCovariance = None,
    objective: options.Objective = None,
    n_importance_samples: options.NImportanceSamples = None,
    beta: options.Beta = None,
    warmup_epochs: options.WarmupEpochs = None,
    free_bits: options.FreeBits = None,
    network: options.Network = None,
    hidden: options.Hidden = None,
    channels: options.Channels = None,
    activation: options.ActivationOption = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    validation_fraction: options.ValidationFraction = None,
    patience: options.Patience = None,
) -> None:
    """Fit MODEL to DATA and save it.

    vae, autoencoder: neural networks, fitted by gradient.
    linear_autoencoder: PCA.
    ppca, fa (factor analysis), mfa (mixture of factor analyzers): exact log p(x); cells may be missing.

    An option that MODEL does not have is an error.
    Ctrl-C ends the fit early: the best model so far is saved, and the exit code is 130.
    """
    given: dict[str, Any] = {
        "latent_dim": latent_dim,
        "standardize": standardize,
        "dequantize": dequantize,
        "n_clusters": n_clusters,
        "noise": noise,
        "shared_noise": shared_noise,
        "noise_floor": noise_floor,
        "rotation": rotation,
        "method": method,
        "n_init": n_init,
        "tol": tol,
        "max_iter": max_iter,
        "likelihood": likelihood,
        "variance": variance,
        "binarize": binarize,
        "posterior_covariance": posterior_covariance,
        "objective": objective,
        "n_importance_samples": n_importance_samples,
        "beta": beta,
        "warmup_epochs": warmup_epochs,
        "free_bits": free_bits,
        "network": network,
        "hidden": None if hidden is None else _widths("hidden", hidden),
        "channels": None if channels is None else _widths("channels", channels),
        "activation": activation,
        "max_epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "validation_fraction": validation_fraction,
        "patience": patience,
    }
    check_new_model(out, overwrite=overwrite)
    chosen = {name: value for name, value in given.items() if value is not None}
    if patience == 0:
        chosen["patience"] = None
    estimator = _estimator(model, chosen, seed=seed, verbose=not quiet)
    estimator.fit(read_rows(data, split=split, default="train"))
    if "verbose" in estimator.get_params():
        estimator.set_params(verbose=False)  # no business of those who load the model
    estimator.save(out)
    report_fit(estimator)
    held_out = "HELD_OUT_ROWS" if Path(data.partition(":")[0]).suffix else data  # a file holds the training rows
    console.say(f"Saved {out}. Next: lowerbound evaluate {shlex.quote(str(out))} {held_out}")
    raise typer.Exit(EXIT_CODES[estimator.status_.code])


def report_fit(estimator: Any) -> None:
    """How the fit ended: its status (a warning where it is not ok), epochs or iterations, and bound."""
    status = estimator.status_
    if status.ok:
        console.say(f"Status: {status.message}")
    else:
        console.warning(str(status))
    if "log_evidence" in estimator.history_:
        console.say(f"Log p(x) of the training rows: {-estimator.objective_:.3f} nats per row.")
        return
    where = "validation" if "validation_loss" in estimator.history_ else "training"
    loss = (
        "Loss" if status.code == "closed_form" else f"Kept epoch {estimator.best_epoch_} of {estimator.n_iter_}: loss"
    )
    console.say(f"{loss} {estimator.objective_:.3f} per row on the {where} rows.")


def _estimator(model: str, chosen: dict[str, Any], *, seed: int, verbose: bool) -> Any:
    """The estimator of that name, with these hyperparameters."""
    import lowerbound

    estimator = getattr(lowerbound, _ESTIMATORS[model])()
    own = estimator.get_params()
    foreign = sorted(_OPTIONS.get(name, name) for name in set(chosen) - set(own))
    if foreign:
        raise ValueError(
            f"options of fit {model} must be its own; got --{foreign[0].replace('_', '-')}, which {model} does not have. "
            "Leave it out."
        )
    if "verbose" in own:
        chosen = chosen | {"verbose": verbose}
    return estimator.set_params(random_state=seed, **chosen)


def _widths(name: str, text: str) -> tuple[int, ...]:
    """Numbers in "256,256", what the option of that name was given."""
    try:
        return tuple(int(width) for width in text.split(",") if text.strip())
    except ValueError as error:
        raise ValueError(
            f"--{name} must be whole numbers separated by commas, such as 256,256; got {text!r}."
        ) from error
