"""Suggestions: which hyperparameter was meant by a name that an estimator does not have.

Other libraries and papers have other words for the same things; the rest are slips of the keyboard.
"""

import inspect
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import wraps
from typing import Any, Final

_WORDS_OF_OTHERS: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    ("latent_dim", "n_clusters"): ("k",),
    ("n_clusters", "latent_dim"): ("n_components",),
    ("latent_dim",): (
        "n_factors",
        "n_latent",
        "n_latents",
        "latent_size",
        "latent_dims",
        "latent_features",
        "z_dim",
        "code_dim",
        "encoding_dim",
        "n_dims",
    ),
    ("n_clusters",): ("n_mixtures", "n_classes"),
    ("noise",): ("covariance_type", "noise_type"),
    ("noise_floor",): ("reg_covar", "min_var", "min_noise", "jitter"),
    ("posterior_covariance",): ("encoder_covariance", "q_covariance"),
    ("method",): ("svd_method", "svd_solver", "solver", "algorithm"),
    ("max_epochs", "max_iter"): (
        "epochs",
        "n_epochs",
        "num_epochs",
        "n_iter",
        "num_iter",
        "iterations",
        "max_iter",
        "max_epochs",
    ),
    ("learning_rate",): ("lr", "alpha", "eta", "step_size", "learning_rate_init"),
    ("learning_rate_decay",): ("lr_decay", "lr_scheduler", "scheduler"),
    ("max_gradient_norm",): ("clip", "clipnorm", "grad_clip", "gradient_clip", "gradient_clip_val", "max_grad_norm"),
    ("batch_size",): ("minibatch_size", "n_batch"),
    ("validation_fraction",): ("validation_split", "val_split", "validation_size", "val_fraction"),
    ("patience",): ("early_stopping", "n_iter_no_change"),
    ("tol",): ("tolerance", "eps", "epsilon"),
    ("hidden",): (
        "hidden_dims",
        "hidden_dim",
        "hidden_sizes",
        "hidden_layer_sizes",
        "hidden_units",
        "n_hidden",
        "n_layers",
        "layers",
        "encoder_dims",
    ),
    ("channels",): ("filters", "n_channels", "n_filters"),
    ("activation",): ("nonlinearity", "act", "hidden_activation"),
    ("likelihood",): ("distribution", "decoder_distribution", "loss", "reconstruction_loss", "gene_likelihood"),
    ("beta",): ("kl_weight", "kl_coefficient"),
    ("warmup_epochs",): ("kl_warmup", "n_epochs_kl_warmup", "annealing_epochs"),
    ("n_importance_samples",): ("n_samples", "num_samples", "num_particles", "iwae_k"),
    ("standardize",): ("scale", "normalize", "normalise", "standardise", "whiten"),
    ("random_state",): ("seed", "random_seed", "rng", "key"),
    ("verbose",): ("progress", "show_progress", "progress_bar"),
    ("contamination",): ("nu", "threshold"),
    ("estimator",): ("model", "base_estimator"),
}
"""Hyperparameters, the likeliest first -> their names elsewhere."""


class Suggesting:
    """The part of an estimator whose constructor answers an unknown hyperparameter with the one that was meant."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Wrap the subclass's own constructor, if it has one."""
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            type.__setattr__(cls, "__init__", _suggesting(vars(cls)["__init__"]))


def _suggesting(constructor: Callable[..., None]) -> Callable[..., None]:
    """The constructor, which keeps its signature, with a TypeError of our own for names that it does not take."""
    parameters = inspect.signature(constructor).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return constructor
    known = [name for name in parameters if name != "self"]

    @wraps(constructor)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        owner = type(self).__name__
        unknown = [name for name in kwargs if name not in known]
        if unknown:
            raise TypeError(" ".join(unknown_hyperparameter(owner, name, known) for name in unknown))
        constructor(self, *args, **kwargs)

    return checked


def meant_hyperparameters(name: str, known: Sequence[str]) -> list[str]:
    """Known hyperparameters that an unknown name may stand for, the likeliest first; often none.

    Examples
    --------
    >>> meant_hyperparameters("lr", ["latent_dim", "learning_rate"])
    ['learning_rate']
    """
    of_others = [
        candidate
        for candidates, words in _WORDS_OF_OTHERS.items()
        if name.lower() in words
        for candidate in candidates
        if candidate in known
    ]
    return of_others or get_close_matches(name.lower(), known, n=2, cutoff=0.7)


def unknown_hyperparameter(owner: str, name: str, known: Sequence[str]) -> str:
    """What to say of a hyperparameter that the owner does not have: which was meant, or which there are.

    Examples
    --------
    >>> unknown_hyperparameter("VAE", "epochs", ["latent_dim", "max_epochs"])
    "VAE has no hyperparameter 'epochs'. Did you mean max_epochs?"
    """
    meant = meant_hyperparameters(name, known)
    answer = f"Did you mean {' or '.join(meant)}?" if meant else f"It has {', '.join(known)}."
    return f"{owner} has no hyperparameter {name!r}. {answer}"
