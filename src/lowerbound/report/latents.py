"""What the model learned: the codes on a map, what they decode to, and how many nats each dimension carries."""

import numpy as np
from jaxtyping import Float

from lowerbound.evaluate.codes import most_active, quantile_grid, traversal_codes
from lowerbound.plots import latent_figure, manifold_figure, traversal_figure
from lowerbound.report.contents import Bar, Picture, Section
from lowerbound.report.embed import picture
from lowerbound.report.numbers import counted, number
from lowerbound.report.subject import Subject

_N_SIDE = 15
_WALK = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
_MOST_WALKS = 10
_MOST_BARS = 20


def latents_section(subject: Subject) -> Section:
    """A map of the codes; for images, what the plane or each latent decodes to; the KL of each dimension."""
    latent_dim = subject.codes.shape[1]
    pictures = [_map(subject)]
    if subject.to_images is not None:
        pictures += _decoded(subject)
    n_active = int(subject.active.sum())
    sentence = f"{n_active} of {counted(latent_dim, 'latent dimension')} vary from row to row."
    if not subject.has_density and n_active < latent_dim:
        sentence = (
            f"{n_active} of {counted(latent_dim, 'latent dimension')} {'has' if n_active == 1 else 'have'} more than 1% of the "
            "variance of the busiest one."
        )
        if hasattr(subject.estimator, "components_"):
            sentence += " The units of the columns decide that: standardize them where they differ."
    bars, caption = _bars(subject)
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


def _map(subject: Subject) -> Picture:
    latent_dim = subject.codes.shape[1]
    shown = sorted(most_active(subject.spread, n=2))
    dimensions = (shown[0], shown[-1])  # of one latent, the figure is a histogram
    figure = latent_figure(subject.codes, subject.labels, dimensions=dimensions, prior=subject.has_density)
    caption = f"The code of each row{'' if latent_dim <= 2 else ', by the two latents that carry most'}."
    if subject.has_density:
        prior = "The curve is the prior." if latent_dim == 1 else "The circles are the prior's."
        caption += (
            f" {prior} Posterior means spread less than it, by the variance that the posteriors keep: under a good model the "
            "variance of the means and the mean variance of the posteriors make 1 together. Clumps are groups that the model "
            "found by itself."
        )
    if subject.labels is not None:
        caption += " Colours are the labels, which the model has not seen."
    names = " and ".join(map(latent_name, shown))
    return picture(figure, alt=f"Map of {counted(len(subject.codes), 'code')} by {names}", caption=caption)


def _decoded(subject: Subject) -> list[Picture]:
    """The decoded plane of two latents, else a walk along each active one."""
    latent_dim = subject.codes.shape[1]
    center, scale = _prior(subject)
    evenly = "; every image stands for the same share of the prior" if subject.has_density else ""
    unit = "" if subject.has_density else " Codes are counted in their standard deviations from their mean."
    if latent_dim == 2:
        images = _images_of(subject, center + scale * quantile_grid(_N_SIDE))
        figure = manifold_figure(images, n_side=_N_SIDE, value_range=subject.value_range)
        return [
            picture(
                figure,
                alt=f"{_N_SIDE} by {_N_SIDE} decoded images over the plane of codes",
                caption=f"What each place of the plane decodes to{evenly}.{unit}",
            )
        ]
    dimensions = [j for j in most_active(subject.spread) if subject.active[j]][:_MOST_WALKS]
    if not dimensions:
        return []
    walks = traversal_codes(np.zeros(latent_dim), dimensions, values=_WALK)
    images = _images_of(subject, (center + scale * walks).reshape(-1, latent_dim))
    figure = traversal_figure(
        images.reshape(len(dimensions), len(_WALK), *images.shape[1:]),
        dimensions=dimensions,
        values=_WALK,
        kl=subject.spread[dimensions] if subject.has_density else None,
        value_range=subject.value_range,
    )
    most = "" if int(subject.active.sum()) <= _MOST_WALKS else f" The {_MOST_WALKS} busiest ones are shown."
    return [
        picture(
            figure,
            alt=f"Decoded images along {counted(len(dimensions), 'latent dimension')}",
            caption="One latent moved, all others at their mean: what each active dimension stands for, the busiest first. The "
            f"nats are what each carries.{most}"
            if subject.has_density
            else f"One latent moved, all others at their mean: what each dimension stands for.{unit}{most}",
        )
    ]


def _prior(subject: Subject) -> tuple[Float[np.ndarray, " latent"], Float[np.ndarray, " latent"]]:
    """Mean and standard deviation of codes: of the prior, or, without one, of the rows' codes."""
    latent_dim = subject.codes.shape[1]
    if subject.has_density:
        return np.zeros(latent_dim), np.ones(latent_dim)
    codes = subject.codes.astype(np.float64)
    return codes.mean(axis=0), codes.std(axis=0)


def _images_of(subject: Subject, codes: Float[np.ndarray, "n latent"]) -> np.ndarray:
    return subject.images(subject.estimator.inverse_transform(codes))


def _bars(subject: Subject) -> tuple[tuple[Bar, ...], str]:
    if not subject.has_density:
        return (), ""
    order = most_active(subject.spread, n=_MOST_BARS)
    longest = max(float(subject.spread.max()), 1e-12)
    bars = tuple(
        Bar(latent_name(j), float(subject.spread[j]) / longest, f"{number(float(subject.spread[j]), decimals=2)} nats")
        for j in order
    )
    latent_dim = len(subject.spread)
    most = "" if latent_dim <= _MOST_BARS else f", the {_MOST_BARS} largest of {latent_dim}"
    return bars, f"KL of each dimension{most}: near 0, a dimension carries nothing."
