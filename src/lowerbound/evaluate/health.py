r"""Health of a fitted latent variable model: is the latent space used, is its prior right, is a scale at its floor.

For rows x_1 … x_n with q(z given x) = N(mu(x), Sigma(x)):

    KL_i             = mean_x KL of dimension i                                     nats; near 0: the dimension carries nothing
    activity_i       = Var_x(mu_i(x))             active above 0.01 of the prior's variance (of N(0, I): Burda et al. 2016)
    aggregate mean   = mean_x mu(x)                                                 the prior's where the two are one
    aggregate var_i  = Var_x(mu_i(x)) + mean_x Sigma_ii(x)                          the prior's there

The advice turns these numbers into sentences: posterior collapse, too few latents, a prior that does not fit, noise scales at
their floor.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

_ACTIVE = 0.01


@dataclass(frozen=True)
class Health:
    r"""Numbers about the latent space, and what to do about them.

    Attributes
    ----------
    active_units
        Number of latent dimensions whose posterior mean varies with x (see ``active``).
    kl_per_dimension
        Mean KL of each latent dimension in nats, shape (latent_dim,).
    activity
        Variance over rows of each posterior mean, shape (latent_dim,).
    aggregate_mean, aggregate_variance
        Moments of the aggregate posterior, shape (latent_dim,); those of the prior where it is the prior.
    prior_mean, prior_variance
        Moments of p(z), shape (latent_dim,).
    cells_at_floor
        Share of the cells whose decoder parameter rests on its numerical floor.
    noise_scale
        Mean of the decoder's standard deviation of each cell, model units, shape (\*event); None for category codes, which
        have no variance.
    advice
        Sentences for a person; one that says all is well if nothing was found.
    exact
        Whether the posterior is the exact one, so that training is not to blame.
    """

    active_units: int
    kl_per_dimension: Float[np.ndarray, " latent"]
    activity: Float[np.ndarray, " latent"]
    aggregate_mean: Float[np.ndarray, " latent"]
    aggregate_variance: Float[np.ndarray, " latent"]
    prior_mean: Float[np.ndarray, " latent"]
    prior_variance: Float[np.ndarray, " latent"]
    cells_at_floor: float
    noise_scale: Float[np.ndarray, "*event"] | None
    advice: tuple[str, ...]
    exact: bool = False

    @property
    def ok(self) -> bool:
        """Whether every check passed, so that the advice is none."""
        return not findings_of(self)

    @property
    def active(self) -> Bool[np.ndarray, " latent"]:
        """Which latent dimensions depend on x, by the rule of ``is_active``."""
        return is_active(self.activity, scale=self.prior_variance)

    @property
    def standard_prior(self) -> bool:
        """Whether the prior has the moments of N(0, I)."""
        return bool(np.allclose(self.prior_mean, 0) and np.allclose(self.prior_variance, 1))

    def __str__(self) -> str:
        latent_dim = len(self.activity)
        kl = ", ".join(f"{value:.2f}" for value in sorted(self.kl_per_dimension, reverse=True)[:10])
        more = ", …" if latent_dim > 10 else ""
        lines = [f"{self.active_units} of {latent_dim} latent dimensions active; KL per dimension {kl}{more} nats"]
        return "\n".join([*lines, *self.advice])


def is_active(
    variance: Float[np.ndarray, " latent"], *, scale: Float[np.ndarray, " latent"] | float
) -> Bool[np.ndarray, " latent"]:
    """Whether the codes of a dimension vary from row to row: their variance is above 0.01 of the scale.

    Parameters
    ----------
    variance
        Variance over rows of the posterior means, or codes.
    scale
        The variance of the prior; of codes without a prior, their largest variance.

    Examples
    --------
    >>> is_active(np.array([0.02, 0.02]), scale=np.array([1.0, 4.0]))
    array([ True, False])
    """
    return variance > _ACTIVE * scale


def findings_of(found: Health) -> tuple[str, ...]:
    """A sentence for each check that did not pass; the advice is not read."""
    latent_dim = len(found.activity)
    advice = []
    if found.active_units == 0:
        advice.append(
            "No latent dimension depends on x: the columns have nothing in common that the model could find."
            if found.exact
            else "Posterior collapse: no latent dimension depends on x. Try warmup_epochs, free_bits=0.1, a smaller decoder, a "
            "smaller noise (variance='feature'), or more epochs."
        )
    elif found.active_units < latent_dim:
        idle = latent_dim - found.active_units
        verb, pronoun, them = ("carries", "it costs", "it") if idle == 1 else ("carry", "they cost", "them")
        advice.append(
            f"{idle} of {latent_dim} latent dimensions {verb} nothing: {pronoun} little; latent_dim={found.active_units} would "
            f"do as well{'' if found.exact else f', or warmup_epochs may wake {them}'}."
        )
    elif found.kl_per_dimension.min() > 1.0 and latent_dim <= 64:
        advice.append(
            f"Every latent dimension is busy (at least {found.kl_per_dimension.min():.1f} nats each): more of them "
            "(latent_dim) may raise log p(x). Compare on held-out rows."
        )
    distance = np.abs(found.aggregate_mean - found.prior_mean) / np.sqrt(found.prior_variance)
    off = (distance > 0.3) | (np.abs(np.log(found.aggregate_variance / found.prior_variance)) > np.log(1.5))
    if off.any():
        advice.append(
            f"The aggregate posterior is not the prior in {int(off.sum())} of {latent_dim} dimensions (mean off by 0.3 of "
            "its standard deviation, or variance by half): "
            + (
                "these rows are not like those of the fit, where it is, or they are few."
                if found.exact
                else "samples will be worse than reconstructions. Train longer, or raise beta."
            )
        )
    if found.cells_at_floor > 0:
        advice.append(
            f"{found.cells_at_floor:.1%} of the decoder's scales are at their floor, where a density is unbounded: look for "
            "constant or discrete columns, use dequantize=True for grey levels, or leave these columns out."
        )
    return tuple(advice)
