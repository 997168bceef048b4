"""Missing cells: where they are, and how well the model knows them from the observed cells of their rows."""

import numpy as np

from lowerbound.report.columns import deviations, spreads
from lowerbound.report.contents import Section, Table
from lowerbound.report.numbers import counted, number, share
from lowerbound.report.subject import Subject

_N_LISTED = 10


def missing_section(subject: Subject) -> tuple[Section, ...]:
    """For each column the share of missing cells, and the standard deviation that remains in them; () where none is missing."""
    if not subject.has_holes or not hasattr(subject.estimator, "imputation"):
        return ()
    values = subject.targets.reshape(len(subject.targets), -1)
    missing = np.isnan(values)
    scale = np.asarray(subject.estimator.imputation(subject.rows).scale).reshape(values.shape)
    left = np.sqrt(np.sum(np.square(scale), axis=0) / np.maximum(missing.sum(axis=0), 1))
    known = np.where(spreads(values), deviations(values), np.nan)
    rows = missing.any(axis=1)
    empty = int(missing.all(axis=1).sum())
    sentence = (
        f"{counted(int(missing.sum()), 'cell')} ({share(subject.missing)}) are missing, in {share(float(rows.mean()))} of the "
        "rows. The model integrates them out: what it says of a row is exact for the cells that the row has. That holds if no "
        "cell is missing for what it would have held."
    )
    if empty:
        have = "has" if empty == 1 else "have"
        sentence += f" {counted(empty, 'row')} without any cell {have} log p(x) = 0 and the prior for a code."
    return (
        Section(
            anchor="missing",
            title="Missing cells",
            paragraphs=(sentence,),
            tables=(_table(subject, missing, left, known),),
        ),
    )


def _table(subject: Subject, missing: np.ndarray, left: np.ndarray, known: np.ndarray) -> Table:
    shares = missing.mean(axis=0)
    order = [int(j) for j in np.argsort(-shares, kind="stable") if shares[j] > 0][:_N_LISTED]
    n_columns = int((shares > 0).sum())
    most = "" if n_columns <= _N_LISTED else f" The {_N_LISTED} of {n_columns} with the most."
    return Table(
        caption="Columns with missing cells: the standard deviation of what they hold, and of what their missing cells may hold "
        f"given the rest of the row. A remainder of 1 is a guess at the mean; 0 knows the cell.{most}",
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
