"""Missing cells: where they are, and how well the model knows them from the observed cells of their rows."""

import numpy as np

from lowerbound.data.frames import as_numbers, take
from lowerbound.evaluate.words import counted, number, share
from lowerbound.findings.fitted import FillingEstimator, can_impute
from lowerbound.plots import sample_figure
from lowerbound.report.contents import Picture, Section, TextTable
from lowerbound.report.context import ReportContext
from lowerbound.report.embed import picture
from lowerbound.report.request import even_stride

_N_LISTED, _N_IMAGES = 10, 10


def has_missing(context: ReportContext) -> bool:
    """Whether a cell is missing, and the model can tell what it may hold."""
    return context.has_holes and can_impute(context.estimator)


def missing_section(context: ReportContext) -> Section:
    """Missing cells of each column of a table and how sure the model is of them; of images the holes, filled."""
    estimator, density = context.estimator, context.findings.density
    assert can_impute(estimator)
    integrated = "The model integrates them out."
    if density is not None and density.exact:
        integrated = "The model integrates them out: what it says of a row is exact for the cells that the row has."
    missing = np.isnan(context.targets.reshape(len(context.targets), -1))
    sentence = (
        f"{counted(int(missing.sum()), 'cell')} ({share(context.findings.share_of_missing_cells)}) are missing, in "
        f"{share(float(missing.any(axis=1).mean()))} of the rows. {integrated} This holds as long as no cell is missing because "
        "of the value that it would have had."
    )
    empty = int(missing.all(axis=1).sum())
    if empty:
        have = "has" if empty == 1 else "have"
        sentence += f" {counted(empty, 'row')} without any cell {have} log p(x) = 0 and the prior for a code."
    tabular = context.to_images is None
    return Section(
        anchor="missing",
        title="Missing cells",
        paragraphs=(sentence,),
        pictures=() if tabular else (_filled(context, estimator, missing),),
        tables=(_table(context, estimator, missing),) if tabular else (),
    )


def _filled(context: ReportContext, estimator: FillingEstimator, missing: np.ndarray) -> Picture:
    with_holes = np.flatnonzero(missing.any(axis=1))
    chosen = with_holes[even_stride(len(with_holes), _N_IMAGES)]
    filled = as_numbers(estimator.impute(take(context.rows, chosen)))
    pairs = np.concatenate([context.images(context.targets[chosen]), context.images(filled)])
    return picture(
        sample_figure(pairs, n_columns=len(chosen), value_range=context.value_range),
        alt=f"{counted(len(chosen), 'image')} with holes, and with the holes filled",
        caption="Above, rows with missing cells halfway between black and white; below, these cells at their mean given the rest "
        f"of the row. Rows {', '.join(str(row) for row in context.numbers[chosen])}.",
    )


def _table(context: ReportContext, estimator: FillingEstimator, missing: np.ndarray) -> TextTable:
    scale = np.asarray(estimator.imputation(context.rows).scale).reshape(missing.shape)
    left = np.sqrt(np.sum(np.square(scale), axis=0) / np.maximum(missing.sum(axis=0), 1))
    known = np.where(context.moments.varies, context.moments.deviation, np.nan)
    shares = missing.mean(axis=0)
    order = [int(j) for j in np.argsort(-shares, kind="stable") if shares[j] > 0][:_N_LISTED]
    n_columns = int((shares > 0).sum())
    most = "" if n_columns <= _N_LISTED else f" The {_N_LISTED} of {n_columns} with the most."
    return TextTable(
        caption="Columns with missing cells: the standard deviation of what they hold, and of what their missing cells may hold "
        "given the rest of the row. A remainder of 1 is a guess at the mean, 0 knows the cell; above 1, the model's noise is too "
        f"large for the column.{most}",
        columns=("column", "missing", "standard deviation", "given the row", "remainder"),
        rows=tuple(
            (
                context.names[j],
                share(float(shares[j])),
                number(float(known[j])),
                number(float(left[j])),
                number(float(left[j] / known[j]), decimals=2),
            )
            for j in order
        ),
    )
