"""What the model does to rows, to be seen: training curves, reconstructions, samples; marginals where rows are a table."""

import math
from typing import Literal

import numpy as np

from lowerbound.evaluate.words import counted, number, share
from lowerbound.findings.columns import Column
from lowerbound.findings.fitted import FittedEstimator, SamplingEstimator, can_sample, reason_against, was_validated
from lowerbound.findings.sentences import how_it_ended
from lowerbound.plots import marginals_figure, reconstruction_figure, sample_figure, training_figure
from lowerbound.report.contents import Picture, Section, TextTable
from lowerbound.report.context import ReportContext
from lowerbound.report.embed import picture
from lowerbound.report.request import even_stride

_N_SHOWN = 10
_N_DRAWN = 24
_LEAST_DRAWN = 1000
_N_COLUMNS_LISTED = 10


def training_section(context: ReportContext) -> Section:
    """The recorded numbers over the epochs or iterations, and how the fit ended; no curve for what was solved in one step."""
    estimator = context.estimator
    history = estimator.history_
    kept, caption, step, best = _course(estimator)
    pictures: tuple[Picture, ...] = ()
    if estimator.status_.code != "closed_form":
        figure = training_figure(history, best_epoch=best, step=step)
        alt = f"Training curves over {counted(estimator.n_iter_, step)}"
        pictures = (picture(figure, alt=alt, caption=caption),)
    return Section(
        anchor="training",
        title="Training",
        paragraphs=(kept,),
        advice=how_it_ended(context.findings.ending),
        pictures=pictures,
    )


def _course(estimator: FittedEstimator) -> tuple[str, str, Literal["epoch", "iteration"], int | None]:
    """What was kept, how to read the curves, what one number of them stands for, and the one to mark."""
    history, best, n = estimator.history_, estimator.best_epoch_, estimator.n_iter_
    if estimator.status_.code == "closed_form":
        return "The best parameters are known in closed form: there was nothing to iterate.", "", "iteration", None
    if estimator.maximizes_evidence:
        reached = number(float(history["log_evidence"][-1]), decimals=2)
        kept = f"{counted(n, 'iteration')} of expectation maximization raised log p(x) of the training rows to {reached} nats."
        caption = (
            "log p(x) of the training rows cannot fall from one iteration to the next. A curve that still climbs at the end asks "
            "for more of them (max_iter) or a smaller tol."
        )
        return kept, caption, "iteration", None
    caption = "Curves that are still falling (losses) or rising (bounds) at the end ask for more epochs"
    if was_validated(estimator):
        kept = f"The parameters of epoch {best} were kept, the best of {n} on the validation rows."
        return (
            kept,
            f"{caption}; a validation curve that turns away from the training curve shows overfitting.",
            "epoch",
            best,
        )
    kept = f"The parameters of the last of {counted(n, 'epoch')} were kept: no rows were held out to choose an earlier one."
    return kept, f"{caption}.", "epoch", best


def reconstruction_section(context: ReportContext) -> Section:
    """Rows beside what comes back from their codes: images side by side, tables column by column."""
    if context.to_images is None:
        if context.is_of_categories:
            return _reconstructed_categories(context)
        return _reconstructed_columns(context.findings.columns)
    chosen = _one_of_each(context.labels) if context.labels is not None else None
    if chosen is None:
        chosen = even_stride(len(context.targets), _N_SHOWN)
    real, back = context.images(context.targets[chosen]), context.images(context.reconstruction[chosen])
    if can_sample(context.estimator):
        drawn = context.images(context.estimator.sample(len(chosen)))
        figure = reconstruction_figure(real, back, drawn, n_columns=len(chosen), value_range=context.value_range)
        caption = (
            "From top to bottom: rows of the data, what comes back from their codes, and new draws from the model."
        )
    else:
        pairs = np.concatenate([real, back])
        figure = sample_figure(pairs, n_columns=len(chosen), value_range=context.value_range)
        caption = "Above, rows of the data; below, what comes back from their codes."
    if np.isnan(context.targets[chosen]).any():
        caption += " What is missing is shown halfway between black and white."
    shown = ", ".join(str(row) for row in context.numbers[chosen])
    return Section(
        anchor="reconstructions",
        title="Reconstructions",
        pictures=(
            picture(
                figure,
                alt=f"{counted(len(chosen), 'image')} and their reconstructions",
                caption=f"{caption} Rows {shown}.",
            ),
        ),
    )


def samples_section(context: ReportContext) -> Section:
    """Draws from p(x): images, or the marginals of a table beside those of the rows."""
    estimator = context.estimator
    if not can_sample(estimator):
        reason = f"Left out: {reason_against(estimator, 'sample')}"
        return Section(anchor="samples", title="Samples", paragraphs=(reason,))
    if context.to_images is None:
        return _marginals(context, estimator)
    drawn, z = estimator.sample(_N_DRAWN, return_latents=True)
    expected = estimator.inverse_transform(z)
    return Section(
        anchor="samples",
        title="Samples",
        pictures=(
            picture(
                sample_figure(context.images(drawn), value_range=context.value_range),
                alt=f"{_N_DRAWN} images drawn from the model",
                caption="New draws from p(x). A good model's draws look like rows of the data and differ as much from each "
                f"other. Where each {context.cell} is drawn on its own given z, that shows as grain.",
            ),
            picture(
                sample_figure(context.images(expected), value_range=context.value_range),
                alt=f"The {_N_DRAWN} means given the codes of the images above",
                caption="The same draws without the grain: E[x given z] of each. What is sharp here, the code decides; what is "
                "blurred, it leaves open.",
            ),
        ),
    )


def _marginals(context: ReportContext, estimator: SamplingEstimator) -> Section:
    drawn = _flat(estimator.sample(max(len(context.targets), _LEAST_DRAWN)))
    real = _flat(context.targets)
    words = f"{len(drawn)} new rows were drawn from the model; each column of them is held against the data."
    if estimator.preprocessing_.meaning.bits_by_chance:
        # What is drawn are bits: so are the rows then, each cell a one with the probability that it states.
        bits = np.random.default_rng(0).uniform(size=real.shape) < real
        real = np.where(np.isnan(real), np.nan, bits)
        words += (
            " Draws are zeros and ones; the grey levels of the data are held against them as bits drawn by their share."
        )
    seen = np.flatnonzero(~np.isnan(real).all(axis=0))
    if not len(seen):
        return Section(anchor="samples", title="Samples", paragraphs=("Left out: not a cell of these rows is known.",))
    n_columns = len(seen)
    names = [context.names[j] for j in seen]
    figure = marginals_figure(real[:, seen], drawn[:, seen], names=names, n_features=min(12, n_columns))
    return Section(
        anchor="samples",
        title="Samples",
        paragraphs=(words,),
        pictures=(
            picture(
                figure,
                alt=f"Histograms of {min(12, n_columns)} columns, rows and samples",
                caption="The two shapes of a column should agree. Samples that are too wide, or have one hump where the data "
                "has two, show what the model has not learned.",
            ),
        ),
    )


def _reconstructed_columns(columns: tuple[Column, ...]) -> Section:
    """Share of each column's variance that comes back, the columns first of which least does."""
    varying = [column for column in columns if not math.isnan(column.variance_kept)]
    worst = sorted(varying, key=lambda column: column.variance_kept)[:_N_COLUMNS_LISTED]
    rows = tuple(
        (
            column.name,
            number(column.mean),
            number(column.standard_deviation),
            share(max(0.0, column.variance_kept)),
        )
        for column in worst
    )
    sentence = "No column varies over these rows, so there is nothing to reconstruct."
    if varying:
        median = float(np.median([column.variance_kept for column in varying]))
        sentence = f"Of a column's variance, {share(max(0.0, median))} comes back from the codes in the median column."
    table = TextTable(
        caption="Columns that the codes tell least about. A column that should matter and is at 0% asks for more latents.",
        columns=("column", "mean", "standard deviation", "variance kept"),
        rows=rows,
    )
    return Section(
        anchor="reconstructions",
        title="Reconstructions",
        paragraphs=(sentence,),
        tables=(table,) if rows else (),
    )


def _reconstructed_categories(context: ReportContext) -> Section:
    """How often the category of a cell comes back; codes have no mean and no distance."""
    real, back = _flat(context.targets), _flat(context.reconstruction)
    known = ~np.isnan(real)
    each = [(column.name, column.categories) for column in context.findings.columns if column.categories is not None]
    worst = sorted(each, key=lambda pair: pair[1].share_recovered)[:_N_COLUMNS_LISTED]
    table = TextTable(
        caption="Columns whose category comes back least often. One that always guessed the commonest category would be right as "
        "often as that occurs.",
        columns=("column", "categories", "commonest", "comes back"),
        rows=tuple(
            (
                name,
                str(codes.n_categories),
                f"{codes.commonest} in {share(codes.commonest_share)}",
                share(codes.share_recovered),
            )
            for name, codes in worst
        ),
    )
    return Section(
        anchor="reconstructions",
        title="Reconstructions",
        paragraphs=(
            f"Of the cells, {share(float(np.mean((real == back)[known])))} come back with the category that they had.",
        ),
        tables=(table,),
    )


def _flat(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(len(rows), -1)


def _one_of_each(labels: np.ndarray) -> np.ndarray | None:
    """The first row of each class, where the classes are few enough to be shown."""
    first = np.unique(labels, return_index=True)[1]
    return first if 4 <= len(first) <= _N_SHOWN else None
