"""Loadings: how the columns of a table move with each factor, for models that are linear in their codes."""

import numpy as np
from jaxtyping import Bool, Float

from lowerbound.evaluate.codes import most_active
from lowerbound.evaluate.words import counted
from lowerbound.findings.fitted import ConstantFeatures, LinearCodes, LinearFactors, RotatedFactors
from lowerbound.plots import loadings_figure
from lowerbound.report.contents import Section
from lowerbound.report.context import ReportContext
from lowerbound.report.embed import picture

_MOST_FACTORS = 20
_MOST_COLUMNS = 30


def has_loadings(context: ReportContext) -> bool:
    """Whether the model is linear in its codes, and its rows are no images, which show the factors better."""
    linear = isinstance(context.estimator, (LinearFactors, LinearCodes))
    return linear and context.to_images is None and bool(loadings_in_deviations(context)[2].any())


def loadings_section(context: ReportContext) -> Section:
    """A figure of the loadings."""
    estimator = context.estimator
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
    if isinstance(estimator, RotatedFactors) and estimator.rotation is not None:
        caption += (
            f" The factors were turned by {estimator.rotation}, which makes most loadings small; the density does not depend on "
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
    if isinstance(estimator, LinearFactors):
        latent_dim = estimator.loadings_.shape[1]
        correlation = estimator.factor_correlation_ if isinstance(estimator, RotatedFactors) else np.eye(latent_dim)
        signal = np.einsum("jk,kl,jl->j", estimator.loadings_, correlation, estimator.loadings_)
        variance = signal + estimator.noise_variance_
        varies = np.ones(len(signal), np.bool_)
        if isinstance(estimator, ConstantFeatures):
            varies = ~np.asarray(estimator.constant_features_).reshape(-1)
        return estimator.loadings_ / np.sqrt(variance)[:, None], 1 - signal / variance, varies
    codes = context.codes.astype(np.float64)
    center = codes.mean(axis=0)
    walked = estimator.inverse_transform(np.vstack([center, center + np.diag(codes.std(axis=0))])).astype(np.float64)
    varies, deviation = context.moments.varies, context.moments.deviation
    return (walked[1:] - walked[0]).T / np.where(varies, deviation, 1.0)[:, None], None, varies
