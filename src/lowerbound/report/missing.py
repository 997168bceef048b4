"""Missing cells: where they are, and how well the model knows them from the observed cells of their rows."""

import warnings

import numpy as np

from lowerbound.data.frames import take
from lowerbound.evaluate.evidence import EvidenceWarning
from lowerbound.evaluate.imputed import SAMPLES
from lowerbound.evaluate.trust import share_untrusted, untrusted_cells_note
from lowerbound.evaluate.words import counted, number, share
from lowerbound.findings.fitted import can_impute
from lowerbound.interface.missing_cells import Imputation
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
        sentence += f" {counted(empty, 'row')} without any cell {have} log p(x) = 0 and the prior's mean for a code."
    tabular = context.to_images is None
    with_holes = np.flatnonzero(missing.any(axis=1))
    chosen = np.arange(len(missing)) if tabular else with_holes[even_stride(len(with_holes), _N_IMAGES)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)  # the note says the same
        found = estimator.imputation(context.rows if tabular else take(context.rows, chosen), n_samples=SAMPLES)
    counted_in = missing[chosen].any(axis=1)
    note = untrusted_cells_note(share_untrusted(found.pareto_k[counted_in]), n_samples=SAMPLES)
    return Section(
        anchor="missing",
        title="Missing cells",
        paragraphs=(sentence, note) if note else (sentence,),
        pictures=() if tabular else (_filled(context, found, chosen),),
        tables=(_table(context, found, missing),) if tabular else (),
    )


def _filled(context: ReportContext, found: Imputation, chosen: np.ndarray) -> Picture:
    filled = found.mean
    pairs = np.concatenate([context.images(context.targets[chosen]), context.images(filled)])
    return picture(
        sample_figure(pairs, n_columns=len(chosen), value_range=context.value_range),
        alt=f"{counted(len(chosen), 'image')} with holes, and with the holes filled",
        caption="Above, rows with missing cells halfway between black and white; below, these cells at their mean given the rest "
        f"of the row. Rows {', '.join(str(row) for row in context.numbers[chosen])}.",
    )


def _table(context: ReportContext, found: Imputation, missing: np.ndarray) -> TextTable:
    scale = found.scale.reshape(missing.shape)
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
