"""Loadings: how the columns of a table move with each factor, for models that are linear in their codes."""

import numpy as np
from jaxtyping import Bool, Float

from lowerbound.evaluate.codes import most_active
from lowerbound.evaluate.words import counted
from lowerbound.plots import loadings_figure
from lowerbound.report.contents import Section
from lowerbound.report.context import ReportContext
from lowerbound.report.embed import picture

_MOST_FACTORS = 20
_MOST_COLUMNS = 30


def has_loadings(context: ReportContext) -> bool:
    """Whether the model is linear in its codes, and its rows are no images, which show the factors better."""
    return (
        context.estimator.decodes_linearly
        and context.to_images is None
        and bool(loadings_in_deviations(context)[2].any())
    )


def loadings_section(context: ReportContext) -> Section:
    """A figure of the loadings."""
    factors = context.estimator.linear_factors_
    loadings, noise, varies = loadings_in_deviations(context)
    latent_dim = loadings.shape[1]
    shown = np.sort(most_active(context.spread, n=_MOST_FACTORS))
    names = [context.names[j] for j in np.flatnonzero(varies)]
    figure = loadings_figure(
        loadings[varies][:, shown], names=names, noise=None if noise is None else noise[varies], n_features=_MOST_COLUMNS,
        numbers=shown,
    )  # fmt: skip
    caption = "By how many of its standard deviations a column rises with one standard deviation of a code."
    if noise is not None:
        caption += (
            " For uncorrelated factors that is their correlation under the model, and its squares and the noise, the share that "
            "no factor explains, make 1 together."
        )
    if latent_dim > _MOST_FACTORS:
        caption += f" The {_MOST_FACTORS} of {latent_dim} that carry most."
    if factors is not None and factors.rotation is not None:
        caption += (
            f" The factors were turned by {factors.rotation}, which makes most loadings small; the density does not depend on "
            "it."
        )
    elif noise is not None:
        caption += " The density does not change if the factors are turned: read them together, not one by one."
    return Section(
        anchor="loadings",
        title="Loadings",
        pictures=(
            picture(
                figure,
                alt=f"Loadings of {counted(min(len(names), _MOST_COLUMNS), 'column')} on {counted(len(shown), 'latent')}",
                caption=caption,
            ),
        ),
    )


def loadings_in_deviations(
    context: ReportContext,
) -> tuple[Float[np.ndarray, "features latent"], Float[np.ndarray, " features"] | None, Bool[np.ndarray, " features"]]:
    """Loadings and share of noise in standard deviations of the columns, and which columns have one.

    The standard deviation is the model's own where it has a density, and that of these rows for codes without one.
    """
    estimator = context.estimator
    factors = estimator.linear_factors_
    if factors is not None:
        signal = np.einsum("jk,kl,jl->j", factors.loadings, factors.correlation, factors.loadings)
        variance = signal + factors.noise_variance
        constant = estimator.constant_features_
        varies = np.ones(len(signal), np.bool_) if constant is None else ~constant.reshape(-1)
        return factors.loadings / np.sqrt(variance)[:, None], 1 - signal / variance, varies
    codes = context.codes.astype(np.float64)
    center = codes.mean(axis=0)
    walked = estimator.inverse_transform(np.vstack([center, center + np.diag(codes.std(axis=0))])).astype(np.float64)
    varies, deviation = context.moments.varies, context.moments.deviation
    return (walked[1:] - walked[0]).T / np.where(varies, deviation, 1.0)[:, None], None, varies
