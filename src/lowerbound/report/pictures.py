"""What the model does to rows, to be seen: training curves, reconstructions, samples; marginals where rows are a table."""

from typing import Any, Literal

import numpy as np

from lowerbound.plots import marginals_figure, reconstruction_figure, sample_figure, training_figure
from lowerbound.report.columns import deviations, means, spreads
from lowerbound.report.contents import Picture, Section, Table
from lowerbound.report.embed import picture
from lowerbound.report.numbers import counted, number, share
from lowerbound.report.subject import Subject, even_stride
from lowerbound.report.verdict import how_it_ended

_N_SHOWN = 10
_N_DRAWN = 24
_LEAST_DRAWN = 1000
_N_COLUMNS_LISTED = 10


def training_section(subject: Subject) -> Section:
    """The recorded numbers over the epochs or iterations, and how the fit ended; no curve for what was solved in one step."""
    estimator = subject.estimator
    history = estimator.history_
    kept, caption, step, best = _course(estimator)
    pictures: tuple[Picture, ...] = ()
    if estimator.status_.code != "closed_form":
        figure = training_figure(history, best_epoch=best, step=step)
        alt = f"Training curves over {counted(estimator.n_iter_, step)}"
        pictures = (picture(figure, alt=alt, caption=caption),)
    return Section(
        anchor="training", title="Training", paragraphs=(kept,), advice=(how_it_ended(subject),), pictures=pictures
    )


def _course(estimator: Any) -> tuple[str, str, Literal["epoch", "iteration"], int | None]:
    """What was kept, how to read the curves, what one number of them stands for, and the one to mark."""
    history, best, n = estimator.history_, estimator.best_epoch_, estimator.n_iter_
    if estimator.status_.code == "closed_form":
        return "The best parameters are known in closed form: there was nothing to iterate.", "", "iteration", None
    if "log_evidence" in history:
        reached = number(float(history["log_evidence"][-1]), decimals=2)
        kept = f"{counted(n, 'iteration')} of expectation maximization raised log p(x) of the training rows to {reached} nats."
        caption = (
            "log p(x) of the training rows cannot fall from one iteration to the next. A curve that still climbs at the end asks "
            "for more of them (max_iter) or a smaller tol."
        )
        return kept, caption, "iteration", None
    caption = "Curves that are still falling (losses) or rising (bounds) at the end ask for more epochs"
    if "validation_loss" in history:
        kept = f"The parameters of epoch {best} were kept, the best of {n} on the validation rows."
        return (
            kept,
            f"{caption}; a validation curve that turns away from the training curve shows overfitting.",
            "epoch",
            best,
        )
    kept = f"The parameters of the last of {counted(n, 'epoch')} were kept: no rows were held out to choose an earlier one."
    return kept, f"{caption}.", "epoch", best


def reconstruction_section(subject: Subject) -> Section:
    """Rows beside what comes back from their codes: images side by side, tables column by column."""
    if subject.to_images is None:
        return _reconstructed_categories(subject) if subject.is_of_categories else _reconstructed_columns(subject)
    chosen = _one_of_each(subject.labels) if subject.labels is not None else None
    if chosen is None:
        chosen = even_stride(len(subject.targets), _N_SHOWN)
    real, back = subject.images(subject.targets[chosen]), subject.images(subject.reconstruction[chosen])
    if subject.has_density:
        drawn = subject.images(subject.estimator.sample(len(chosen)))
        figure = reconstruction_figure(real, back, drawn, n_columns=len(chosen), value_range=subject.value_range)
        caption = (
            "From top to bottom: rows of the data, what comes back from their codes, and new draws from the model."
        )
    else:
        pairs = np.concatenate([real, back])
        figure = sample_figure(pairs, n_columns=len(chosen), value_range=subject.value_range)
        caption = "Above, rows of the data; below, what comes back from their codes."
    if np.isnan(subject.targets[chosen]).any():
        caption += " What is missing is shown halfway between black and white."
    shown = ", ".join(str(row) for row in subject.numbers[chosen])
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


def samples_section(subject: Subject) -> Section:
    """Draws from p(x): images, or the marginals of a table beside those of the rows."""
    if not subject.has_density:
        return Section(
            anchor="samples",
            title="Samples",
            paragraphs=(
                f"Left out: nothing can be sampled from {type(subject.estimator).__name__}, whose codes have no prior.",
            ),
        )
    if subject.to_images is None:
        return _marginals(subject)
    drawn, z = subject.estimator.sample(_N_DRAWN, return_latents=True)
    expected = subject.estimator.inverse_transform(z)
    grain = (
        ""
        if getattr(subject.estimator, "noise", "") == "full"
        else f" Given z, each {subject.cell} is drawn on its own, "
    )
    return Section(
        anchor="samples",
        title="Samples",
        pictures=(
            picture(
                sample_figure(subject.images(drawn), value_range=subject.value_range),
                alt=f"{_N_DRAWN} images drawn from the model",
                caption="New draws from p(x). A good model's draws look like rows of the data and differ as much from each "
                f"other.{grain}{'which shows as grain.' if grain else ''}",
            ),
            picture(
                sample_figure(subject.images(expected), value_range=subject.value_range),
                alt=f"The {_N_DRAWN} means given the codes of the images above",
                caption="The same draws without the grain: E[x given z] of each. What is sharp here, the code decides; what is "
                "blurred, it leaves open.",
            ),
        ),
    )


def _marginals(subject: Subject) -> Section:
    drawn = _flat(subject.estimator.sample(max(len(subject.targets), _LEAST_DRAWN)))
    real = _flat(subject.targets)
    words = f"{len(drawn)} new rows were drawn from the model; each column of them is held against the data."
    if subject.estimator.preprocessing_.treatment in ("dynamic", "grey"):
        # What is drawn are bits: so are the rows then, each cell a one with the probability that it states.
        real = (np.random.default_rng(0).uniform(size=real.shape) < real).astype(np.float64)
        words += (
            " Draws are zeros and ones; the grey levels of the data are held against them as bits drawn by their share."
        )
    seen = np.flatnonzero(~np.isnan(real).all(axis=0))
    if not len(seen):
        return Section(anchor="samples", title="Samples", paragraphs=("Left out: not a cell of these rows is known.",))
    n_columns = len(seen)
    names = [subject.names[j] for j in seen]
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


def _reconstructed_columns(subject: Subject) -> Section:
    real, back = _flat(subject.targets), _flat(subject.reconstruction)
    varies = spreads(real)
    kept = np.full(real.shape[1], np.nan)
    mean, deviation = means(real), deviations(real)
    kept[varies] = 1 - means(np.square(real - back))[varies] / np.square(deviation[varies])
    order = np.argsort(kept, kind="stable")  # NaN last
    order = order[: min(_N_COLUMNS_LISTED, int(varies.sum()))]
    rows = tuple(
        (subject.names[j], number(float(mean[j])), number(float(deviation[j])), share(max(0.0, float(kept[j]))))
        for j in order
    )
    known = kept[varies]
    sentence = (
        f"Of a column's variance, {share(max(0.0, float(np.median(known))))} comes back from the codes in the median column."
        if len(known)
        else "No column varies over these rows, so there is nothing to reconstruct."
    )
    table = Table(
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


def _reconstructed_categories(subject: Subject) -> Section:
    """How often the category of a cell comes back; codes have no mean and no distance."""
    real, back = _flat(subject.targets), _flat(subject.reconstruction)
    right = np.mean(real == back, axis=0)
    order = np.argsort(right, kind="stable")[:_N_COLUMNS_LISTED]
    lines = []
    for j in order:
        codes, counts = np.unique(real[:, j], return_counts=True)
        common = f"{number(float(codes[counts.argmax()]))} in {share(float(counts.max() / len(real)))}"
        lines.append((subject.names[j], str(len(codes)), common, share(float(right[j]))))
    table = Table(
        caption="Columns whose category comes back least often. One that always guessed the commonest category would be right as "
        "often as that occurs.",
        columns=("column", "categories", "commonest", "comes back"),
        rows=tuple(lines),
    )
    return Section(
        anchor="reconstructions",
        title="Reconstructions",
        paragraphs=(f"Of the cells, {share(float(np.mean(real == back)))} come back with the category that they had.",),
        tables=(table,),
    )


def _flat(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(len(rows), -1)


def _one_of_each(labels: np.ndarray) -> np.ndarray | None:
    """The first row of each class, where the classes are few enough to be shown."""
    first = np.unique(labels, return_index=True)[1]
    return first if 4 <= len(first) <= _N_SHOWN else None
