"""What each factor means: how the columns of a table move with it, for models that are linear in their codes."""

import numpy as np
from jaxtyping import Float

from lowerbound.evaluate.codes import most_active
from lowerbound.plots import loadings_figure
from lowerbound.report.columns import deviations, spreads
from lowerbound.report.contents import Section
from lowerbound.report.embed import picture
from lowerbound.report.numbers import counted
from lowerbound.report.subject import Subject

_MOST_FACTORS = 20
_MOST_COLUMNS = 30


def loadings_section(subject: Subject) -> tuple[Section, ...]:
    """A figure of the loadings; () for rows that are images, which show them better, and for other models."""
    estimator = subject.estimator
    exact = hasattr(estimator, "loadings_")
    if subject.to_images is not None or not (exact or hasattr(estimator, "components_")):
        return ()
    loadings, noise, varies = _in_deviations(subject)
    if not varies.any():
        return ()
    latent_dim = loadings.shape[1]
    shown = np.sort(most_active(subject.spread, n=_MOST_FACTORS))
    names = [subject.names[j] for j in np.flatnonzero(varies)]
    figure = loadings_figure(
        loadings[varies][:, shown], names=names, noise=None if noise is None else noise[varies], n_features=_MOST_COLUMNS,
        numbers=shown,
    )  # fmt: skip
    caption = "By how many of its standard deviations a column rises with one standard deviation of a code."
    if exact:
        caption += (
            " For uncorrelated factors that is their correlation under the model, and its squares and the noise, the share that "
            "no factor explains, make 1 together."
        )
    if latent_dim > _MOST_FACTORS:
        caption += f" The {_MOST_FACTORS} of {latent_dim} that carry most."
    rotation = getattr(estimator, "rotation", None)
    if exact:
        caption += (
            f" The factors were turned by {rotation}, which makes most loadings small; the density does not depend on it."
            if rotation
            else " The density does not change if the factors are turned: read them together, not one by one."
        )
    return (
        Section(
            anchor="loadings",
            title="Loadings",
            pictures=(
                picture(
                    figure,
                    alt=f"Loadings of {counted(min(len(names), _MOST_COLUMNS), 'column')} on {counted(len(shown), 'latent')}",
                    caption=caption,
                ),
            ),
        ),
    )


def _in_deviations(
    subject: Subject,
) -> tuple[Float[np.ndarray, "features latent"], Float[np.ndarray, " features"] | None, np.ndarray]:
    """Loadings and share of noise in standard deviations of the columns, and which columns have one.

    Of a density the standard deviation is the model's own; of codes without one, that of these rows.
    """
    estimator = subject.estimator
    if hasattr(estimator, "loadings_"):
        correlation = getattr(estimator, "factor_correlation_", np.eye(estimator.latent_dim))
        signal = np.einsum("jk,kl,jl->j", estimator.loadings_, correlation, estimator.loadings_)
        variance = signal + estimator.noise_variance_
        varies = ~np.asarray(estimator.constant_features_).reshape(-1)
        return estimator.loadings_ / np.sqrt(variance)[:, None], 1 - signal / variance, varies
    codes = subject.codes.astype(np.float64)
    center = codes.mean(axis=0)
    walked = estimator.inverse_transform(np.vstack([center, center + np.diag(codes.std(axis=0))])).astype(np.float64)
    values = subject.targets.reshape(len(subject.targets), -1)
    varies = spreads(values)
    return (walked[1:] - walked[0]).T / np.where(varies, deviations(values), 1.0)[:, None], None, varies
