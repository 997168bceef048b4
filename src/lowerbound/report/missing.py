"""Missing cells: where they are, and how well the model knows them from the observed cells of their rows."""

import numpy as np

from lowerbound.plots import sample_figure
from lowerbound.report.columns import as_numbers, deviations, spreads
from lowerbound.report.contents import Picture, Section, Table
from lowerbound.report.embed import picture
from lowerbound.report.measure import take
from lowerbound.report.numbers import counted, number, share
from lowerbound.report.subject import Subject, even_stride

_N_LISTED, _N_IMAGES = 10, 10


def missing_section(subject: Subject) -> tuple[Section, ...]:
    """Of a table the missing cells of each column and how sure the model is of them, of images the holes filled.

    () where no cell is missing, and for models that cannot tell.
    """
    if not subject.has_holes or not hasattr(subject.estimator, "impute"):
        return ()
    missing = np.isnan(subject.targets.reshape(len(subject.targets), -1))
    sentence = (
        f"{counted(int(missing.sum()), 'cell')} ({share(subject.missing)}) are missing, in "
        f"{share(float(missing.any(axis=1).mean()))} of the rows. The model integrates them out: what it says of a row is exact "
        "for the cells that the row has. That holds if no cell is missing for what it would have held."
    )
    empty = int(missing.all(axis=1).sum())
    if empty:
        have = "has" if empty == 1 else "have"
        sentence += f" {counted(empty, 'row')} without any cell {have} log p(x) = 0 and the prior for a code."
    tabular = subject.to_images is None
    return (
        Section(
            anchor="missing",
            title="Missing cells",
            paragraphs=(sentence,),
            pictures=() if tabular else (_filled(subject, missing),),
            tables=(_table(subject, missing),) if tabular else (),
        ),
    )


def _filled(subject: Subject, missing: np.ndarray) -> Picture:
    with_holes = np.flatnonzero(missing.any(axis=1))
    chosen = with_holes[even_stride(len(with_holes), _N_IMAGES)]
    filled = as_numbers(subject.estimator.impute(take(subject.rows, chosen)))
    pairs = np.concatenate([subject.images(subject.targets[chosen]), subject.images(filled)])
    return picture(
        sample_figure(pairs, n_columns=len(chosen), value_range=subject.value_range),
        alt=f"{counted(len(chosen), 'image')} with holes, and with the holes filled",
        caption="Above, rows with missing cells halfway between black and white; below, these cells at their mean given the rest "
        f"of the row. Rows {', '.join(str(row) for row in subject.numbers[chosen])}.",
    )


def _table(subject: Subject, missing: np.ndarray) -> Table:
    values = subject.targets.reshape(missing.shape)
    scale = np.asarray(subject.estimator.imputation(subject.rows).scale).reshape(missing.shape)
    left = np.sqrt(np.sum(np.square(scale), axis=0) / np.maximum(missing.sum(axis=0), 1))
    known = np.where(spreads(values), deviations(values), np.nan)
    shares = missing.mean(axis=0)
    order = [int(j) for j in np.argsort(-shares, kind="stable") if shares[j] > 0][:_N_LISTED]
    n_columns = int((shares > 0).sum())
    most = "" if n_columns <= _N_LISTED else f" The {_N_LISTED} of {n_columns} with the most."
    return Table(
        caption="Columns with missing cells: the standard deviation of what they hold, and of what their missing cells may hold "
        "given the rest of the row. A remainder of 1 is a guess at the mean, 0 knows the cell; above 1, the model's noise is too "
        f"large for the column.{most}",
        columns=("column", "missing", "standard deviation", "given the row", "remainder"),
        rows=tuple(
            (
                subject.names[j],
                share(float(shares[j])),
                number(float(known[j])),
                number(float(left[j])),
                number(float(left[j] / known[j]), decimals=2),
            )
            for j in order
        ),
    )
