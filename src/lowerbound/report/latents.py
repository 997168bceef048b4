"""What the model learned: the codes on a map, what they decode to, and how many nats each dimension carries."""

import numpy as np
from jaxtyping import Float

from lowerbound.evaluate.codes import most_active, quantile_grid, traversal_codes
from lowerbound.evaluate.words import counted, number
from lowerbound.plots import latent_figure, manifold_figure, traversal_figure
from lowerbound.report.contents import Bar, Picture, Section
from lowerbound.report.context import ReportContext
from lowerbound.report.embed import picture

_N_SIDE = 15
_WALK = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
_MOST_WALKS = 10
_MOST_BARS = 20


def latents_section(context: ReportContext) -> Section:
    """A map of the codes; for images, what the plane or each latent decodes to; the KL of each dimension."""
    latent_dim = context.codes.shape[1]
    pictures = [_map(context)]
    if context.to_images is not None:
        pictures += _decoded(context)
    n_active = int(context.active.sum())
    sentence = f"{n_active} of {counted(latent_dim, 'latent dimension')} vary from row to row."
    if context.findings.density is None and n_active < latent_dim:
        sentence = (
            f"{n_active} of {counted(latent_dim, 'latent dimension')} {'has' if n_active == 1 else 'have'} more than 1% of the "
            "variance of the busiest one."
        )
        if context.estimator.decodes_linearly:
            sentence += " The units of the columns decide that: standardize them where they differ."
    bars, caption = _bars(context)
    return Section(
        anchor="latents",
        title="Latent space",
        paragraphs=(sentence,),
        pictures=tuple(pictures),
        bars=bars,
        bars_caption=caption,
    )


def latent_name(dimension: int) -> str:
    """The name of a latent as the figures have it, counted from 1.

    >>> latent_name(0), latent_name(11)
    ('z₁', 'z₁₂')
    """
    return "z" + str(dimension + 1).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _map(context: ReportContext) -> Picture:
    latent_dim = context.codes.shape[1]
    shown = sorted(most_active(context.spread, n=2))
    dimensions = (shown[0], shown[-1])  # of one latent, the figure is a histogram
    figure = latent_figure(context.codes, context.labels, dimensions=dimensions, prior=context.has_standard_prior)
    caption = f"The code of each row{'' if latent_dim <= 2 else ', by the two latents that carry most'}."
    if context.has_standard_prior:
        prior = "The curve is the prior." if latent_dim == 1 else "The circles are the prior's."
        caption += (
            f" {prior} Posterior means spread less than it, by the variance that the posteriors keep: under a good model the "
            "variance of the means and the mean variance of the posteriors make 1 together. Clumps are groups that the model "
            "found by itself."
        )
    if context.labels is not None:
        caption += " Colours are the labels, which the model has not seen."
    names = " and ".join(map(latent_name, shown))
    return picture(figure, alt=f"Map of {counted(len(context.codes), 'code')} by {names}", caption=caption)


def _decoded(context: ReportContext) -> list[Picture]:
    """The decoded plane of two latents, else a walk along each active one."""
    latent_dim = context.codes.shape[1]
    center, scale = _prior(context)
    evenly = "; every image stands for the same share of the prior" if context.has_standard_prior else ""
    unit = "" if context.has_standard_prior else " Codes are counted in their standard deviations from their mean."
    if latent_dim == 2:
        images = _images_of(context, center + scale * quantile_grid(_N_SIDE))
        figure = manifold_figure(images, n_side=_N_SIDE, value_range=context.value_range)
        return [
            picture(
                figure,
                alt=f"{_N_SIDE} by {_N_SIDE} decoded images over the plane of codes",
                caption=f"What each place of the plane decodes to{evenly}.{unit}",
            )
        ]
    dimensions = [j for j in most_active(context.spread) if context.active[j]][:_MOST_WALKS]
    if not dimensions:
        return []
    walks = traversal_codes(np.zeros(latent_dim), dimensions, values=_WALK)
    images = _images_of(context, (center + scale * walks).reshape(-1, latent_dim))
    figure = traversal_figure(
        images.reshape(len(dimensions), len(_WALK), *images.shape[1:]),
        dimensions=dimensions,
        values=_WALK,
        kl=context.spread[dimensions] if context.findings.health else None,
        value_range=context.value_range,
    )
    most = "" if int(context.active.sum()) <= _MOST_WALKS else f" The {_MOST_WALKS} busiest ones are shown."
    return [
        picture(
            figure,
            alt=f"Decoded images along {counted(len(dimensions), 'latent dimension')}",
            caption="One latent moved, all others at their mean: what each active dimension stands for, the busiest first. The "
            f"nats are what each carries.{most}"
            if context.findings.health
            else f"One latent moved, all others at their mean: what each dimension stands for.{unit}{most}",
        )
    ]


def _prior(context: ReportContext) -> tuple[Float[np.ndarray, " latent"], Float[np.ndarray, " latent"]]:
    """Mean and standard deviation of codes: of the prior, or, without one, of the rows' codes."""
    latent_dim = context.codes.shape[1]
    if context.has_standard_prior:
        return np.zeros(latent_dim), np.ones(latent_dim)
    codes = context.codes.astype(np.float64)
    return codes.mean(axis=0), codes.std(axis=0)


def _images_of(context: ReportContext, codes: Float[np.ndarray, "n latent"]) -> np.ndarray:
    return context.images(context.estimator.inverse_transform(codes))


def _bars(context: ReportContext) -> tuple[tuple[Bar, ...], str]:
    if context.findings.health is None:
        return (), ""
    order = most_active(context.spread, n=_MOST_BARS)
    longest = max(float(context.spread.max()), 1e-12)
    bars = tuple(
        Bar(latent_name(j), float(context.spread[j]) / longest, f"{number(float(context.spread[j]), decimals=2)} nats")
        for j in order
    )
    latent_dim = len(context.spread)
    most = "" if latent_dim <= _MOST_BARS else f", the {_MOST_BARS} largest of {latent_dim}"
    return bars, f"KL of each dimension{most}: near 0, a dimension carries nothing."
