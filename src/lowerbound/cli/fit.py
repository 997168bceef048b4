"""``lowerbound fit MODEL DATA --out FOLDER``: fit an estimator and save it."""

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lowerbound.cli import console
from lowerbound.cli.files import Split, check_new_model, read_rows

Activation = Literal["relu", "tanh", "gelu", "silu", "elu", "softplus"]

_MODEL, _NETWORK, _TRAINING, _OUTPUT = "Model", "Network", "Training", "Output"
EXIT_CODES = {"max_epochs": 0, "early_stopping": 0, "interrupted": 130, "non_finite": 1}


def _option(*names: str, group: str, default: str = "", text: str) -> Any:
    """An option that, left out, leaves the estimator's own default, which the help shows."""
    return typer.Option(*names, help=text, rich_help_panel=group, show_default=default or False)


def fit(
    model: Annotated[Literal["vae", "autoencoder"], typer.Argument(help="What to fit.", metavar="MODEL")],
    data: Annotated[str, typer.Argument(help="A file, or a name from `lowerbound data`.", metavar="DATA")],
    out: Annotated[Path, _option("--out", group=_OUTPUT, text="Folder to save the model in; it must be new.")],
    overwrite: Annotated[bool, _option("--overwrite", group=_OUTPUT, text="Replace a saved model.")] = False,
    quiet: Annotated[bool, _option("--quiet", "-q", group=_OUTPUT, text="No progress bar.")] = False,
    split: Annotated[
        Split | None, _option("--split", group=_MODEL, default="train", text="Part of a named data set.")
    ] = None,
    latent_dim: Annotated[
        int | None, _option("--latent-dim", group=_MODEL, default="2", text="Dimension of z.")
    ] = None,
    likelihood: Annotated[
        Literal["gaussian", "bernoulli", "categorical", "poisson"] | None,
        _option("--likelihood", group=_MODEL, default="gaussian", text="p(x given z): reals, bits, codes or counts."),
    ] = None,
    variance: Annotated[
        Literal["feature", "network", "fixed"] | None,
        _option("--variance", group=_MODEL, default="feature", text="The Gaussian's: per feature, of z, or fixed."),
    ] = None,
    standardize: Annotated[
        bool | None,
        _option("--standardize/--no-standardize", group=_MODEL, default="standardize", text="Unit variance inside."),
    ] = None,
    dequantize: Annotated[
        bool | None,
        _option(
            "--dequantize/--no-dequantize",
            group=_MODEL,
            default="no-dequantize",
            text="Gaussian: integer grey levels 0 … 255; add uniform noise.",
        ),
    ] = None,
    binarize: Annotated[
        Literal["dynamic", "threshold", "none"] | None,
        _option("--binarize", group=_MODEL, text="Bernoulli: how grey values become bits (none: a loss)."),
    ] = None,
    posterior_covariance: Annotated[
        Literal["diagonal", "full"] | None,
        _option("--posterior-covariance", group=_MODEL, default="diagonal", text="Of q(z given x)."),
    ] = None,
    network: Annotated[
        Literal["mlp", "conv"] | None, _option("--network", group=_NETWORK, default="mlp", text="conv is for images.")
    ] = None,
    hidden: Annotated[
        str | None, _option("--hidden", group=_NETWORK, default="256,256", text="Layer widths; '' for none.")
    ] = None,
    channels: Annotated[
        str | None, _option("--channels", group=_NETWORK, default="32,64", text="Of conv: each layer halves the image.")
    ] = None,
    activation: Annotated[
        Activation | None, _option("--activation", group=_NETWORK, default="relu", text="Between layers.")
    ] = None,
    objective: Annotated[
        Literal["elbo", "importance_weighted"] | None,
        _option("--objective", group=_TRAINING, default="elbo", text="The bound that is maximized."),
    ] = None,
    n_importance_samples: Annotated[
        int | None, _option("--n-importance-samples", group=_TRAINING, default="5", text="Draws of that bound.")
    ] = None,
    beta: Annotated[float | None, _option("--beta", group=_TRAINING, default="1.0", text="Weight of the KL.")] = None,
    warmup_epochs: Annotated[
        int | None, _option("--warmup-epochs", group=_TRAINING, default="0", text="Over which beta grows from 0.")
    ] = None,
    free_bits: Annotated[
        float | None, _option("--free-bits", group=_TRAINING, default="0.0", text="Nats per latent without cost.")
    ] = None,
    epochs: Annotated[int | None, _option("--epochs", group=_TRAINING, default="100", text="Most epochs.")] = None,
    batch_size: Annotated[
        int | None, _option("--batch-size", group=_TRAINING, default="128", text="Most rows in a minibatch.")
    ] = None,
    learning_rate: Annotated[
        float | None, _option("--learning-rate", group=_TRAINING, default="0.001", text="Adam's first step size.")
    ] = None,
    validation_fraction: Annotated[
        float | None,
        _option("--validation-fraction", group=_TRAINING, default="0.1", text="Share of rows that choose the epoch."),
    ] = None,
    patience: Annotated[
        int | None,
        _option("--patience", group=_TRAINING, default="10", text="Epochs without a better one; 0: never stop."),
    ] = None,
    seed: Annotated[int, _option("--seed", group=_TRAINING, default="0", text="The same seed, the same model.")] = 0,
) -> None:
    """Fit MODEL to DATA and save it.

    Ctrl-C ends the fit early: the best model so far is saved, and the exit code is 130.
    """
    given: dict[str, Any] = {
        "latent_dim": latent_dim,
        "likelihood": likelihood,
        "variance": variance,
        "standardize": standardize,
        "dequantize": dequantize,
        "binarize": binarize,
        "posterior_covariance": posterior_covariance,
        "network": network,
        "hidden": None if hidden is None else _widths("hidden", hidden),
        "channels": None if channels is None else _widths("channels", channels),
        "activation": activation,
        "objective": objective,
        "n_importance_samples": n_importance_samples,
        "beta": beta,
        "warmup_epochs": warmup_epochs,
        "free_bits": free_bits,
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
    estimator = _estimator(model, chosen | {"random_state": seed, "verbose": not quiet})
    estimator.fit(read_rows(data, split=split, default="train"))
    estimator.set_params(verbose=False)  # no business of those who load the model
    estimator.save(out)
    report_fit(estimator)
    held_out = "HELD_OUT_ROWS" if Path(data.partition(":")[0]).suffix else data  # a file holds the training rows
    console.say(f"Saved {out}. Next: lowerbound evaluate {shlex.quote(str(out))} {held_out}")
    raise typer.Exit(EXIT_CODES[estimator.status_.code])


def report_fit(estimator: Any) -> None:
    """How the fit ended: its status (a warning where it is not ok), epochs and bound."""
    status = estimator.status_
    if status.ok:
        console.say(f"Status: {status.message}")
    else:
        console.warning(str(status))
    where = "validation" if "validation_loss" in estimator.history_ else "training"
    console.say(
        f"Kept epoch {estimator.best_epoch_} of {estimator.n_iter_}: loss {estimator.objective_:.3f} per row on the "
        f"{where} rows."
    )


def _widths(name: str, text: str) -> tuple[int, ...]:
    """Numbers in "256,256", what the option of that name was given."""
    try:
        return tuple(int(width) for width in text.split(",") if text.strip())
    except ValueError as error:
        raise ValueError(
            f"--{name} must be whole numbers separated by commas, such as 256,256; got {text!r}."
        ) from error


def _estimator(model: str, chosen: dict[str, Any]) -> Any:
    from lowerbound import VAE, Autoencoder

    estimator = {"vae": VAE, "autoencoder": Autoencoder}[model]()
    foreign = sorted(set(chosen) - set(estimator.get_params()))
    if foreign:
        raise ValueError(
            f"options of fit {model} must be its own; got --{foreign[0].replace('_', '-')}, which {model} does not have. "
            "Leave it out."
        )
    return estimator.set_params(**chosen)
