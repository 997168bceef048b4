"""Checks of VAE's hyperparameters: each by itself, then those that contradict each other."""

from typing import TYPE_CHECKING

from lowerbound.interface.architecture import check_architecture
from lowerbound.interface.hyperparameters import check_bool, check_choices, check_integer, check_number
from lowerbound.interface.training import check_training

if TYPE_CHECKING:
    from lowerbound.estimators.vae import VAE


def check_vae(vae: "VAE") -> None:
    """Raise one clear ValueError for the first hyperparameter that is out of its range, or contradicts another."""
    owner = "VAE"
    check_choices(vae)
    check_integer(owner, "latent_dim", vae.latent_dim, minimum=1, maximum=10_000)
    check_number(owner, "noise_scale", vae.noise_scale, minimum=0, above=True)
    check_bool(owner, "standardize", vae.standardize)
    check_bool(owner, "dequantize", vae.dequantize)
    check_architecture(vae)
    check_integer(owner, "n_importance_samples", vae.n_importance_samples, minimum=1)
    check_number(owner, "beta", vae.beta, minimum=0)
    check_integer(owner, "warmup_epochs", vae.warmup_epochs, minimum=0)
    check_number(owner, "free_bits", vae.free_bits, minimum=0)
    check_training(owner, vae)
    if vae.dequantize and vae.likelihood != "gaussian":
        raise ValueError(
            f"dequantize of VAE must be False for likelihood={vae.likelihood!r}; it makes grey levels real."
        )
    if vae.binarize is not None and vae.likelihood != "bernoulli":
        raise ValueError(f"binarize of VAE must be None for likelihood={vae.likelihood!r}; got {vae.binarize!r}.")
    if vae.free_bits > 0 and (vae.kl == "sampled" or vae.objective != "elbo"):
        raise ValueError(
            "free_bits of VAE must be 0 unless objective='elbo' with kl='closed_form', which has a KL per dimension; "
            f"got {vae.free_bits!r}."
        )
    if vae.objective == "importance_weighted" and (vae.beta != 1 or vae.warmup_epochs > 0):
        raise ValueError(
            "beta and warmup_epochs of VAE must be 1 and 0 for objective='importance_weighted', which has no KL term; "
            f"got {vae.beta!r} and {vae.warmup_epochs!r}."
        )
