"""What is odd: the scores of all rows, and the rows at both ends of their order."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from lowerbound.plots import outlier_figure, score_figure
from lowerbound.plots.outliers import ends
from lowerbound.plots.scores import SCORES
from lowerbound.report.columns import deviations, spreads
from lowerbound.report.contents import Picture, Section, Table
from lowerbound.report.embed import picture
from lowerbound.report.numbers import counted, decimals_of, number
from lowerbound.report.subject import Subject

_N_IMAGES, _N_LISTED, _N_COLUMNS = 8, 10, 3

_FINDS = {
    "kl": "rows whose code is far from the prior, or unusually sure",
    "log_evidence": "rows of low density, for whichever reason",
    "elbo": "rows of low density, through the bound",
    "reconstruction": "rows that the decoder cannot reproduce",
}


def outliers_section(subject: Subject) -> Section:
    """A histogram of the outlier scores, and the most and least outlying rows."""
    scores = subject.scores
    finite = np.isfinite(scores)
    order = np.argsort(-scores, kind="stable")
    paragraphs = [
        f"Scored by {subject.method}, {SCORES[subject.method]}: {_FINDS[subject.method]}. Larger is more outlying; nats."
    ]
    if subject.has_holes:
        paragraphs.append(
            "A row is scored by its observed cells only: rows that have few of them have scores nearer to 0."
        )
    if subject.threshold is not None:
        above = int(np.sum(scores > subject.threshold))
        paragraphs.append(
            f"{above} of {counted(len(scores), 'row')} are beyond the detector's threshold of "
            f"{number(subject.threshold)} and would be called outliers."
        )
    if not finite.all():
        paragraphs.append(f"{counted(int((~finite).sum()), 'row')} without any density are not in the histogram.")
    pictures = [_histogram(subject, scores, finite)] if finite.any() else []
    if subject.to_images is not None:
        pictures.append(_ends(subject, scores))
    return Section(
        anchor="outliers",
        title="Outliers",
        paragraphs=tuple(paragraphs),
        pictures=tuple(pictures),
        tables=(_listed(subject, scores, order[:_N_LISTED]),),
    )


def _histogram(subject: Subject, scores: Float[np.ndarray, " n"], finite: Bool[np.ndarray, " n"]) -> Picture:
    marks = _marks(subject)
    both = marks is not None and len(np.unique(marks[finite])) == 2
    labels = marks[finite] if marks is not None and both else None
    figure = score_figure(scores[finite], labels=labels, threshold=subject.threshold, method=subject.method)
    caption = (
        "A few rows far to the right of all others deserve a look; a smooth slope has no outliers, only rarer rows."
    )
    if marks is not None:
        area = roc_auc_score(marks, rankdata(scores))  # ranks: a score may be infinite
        caption += (
            f" Held against the labels, the area under the ROC curve is {area:.3f} (1: all of them score "
            "above all others; 0.5: the score knows nothing of them)."
        )
    return picture(figure, alt=f"Histogram of {counted(int(finite.sum()), 'outlier score')}", caption=caption)


def _ends(subject: Subject, scores: Float[np.ndarray, " n"]) -> Picture:
    n = min(_N_IMAGES, len(scores))
    shown = ends(scores, n=n)
    figure = outlier_figure(
        subject.images(subject.targets[shown]),
        scores[shown],
        n=n,
        method=subject.method,
        rows=subject.numbers[shown],
        value_range=subject.value_range,
    )
    return picture(
        figure,
        alt=f"The {n} most and the {n} least outlying images",
        caption="The most outlying rows and the least outlying ones, with row number and score. The upper ones should look odd, "
        "mislabelled or damaged; if they look ordinary, try another method.",
    )


def _listed(subject: Subject, scores: Float[np.ndarray, " n"], rows: Int[np.ndarray, " k"]) -> Table:
    """Row number, score, label, and for tables the cells farthest from their reconstruction."""
    labelled, tabular = subject.labels is not None, subject.to_images is None
    striking_cells = _wrong_categories if subject.is_of_categories else _striking_cells
    cells = striking_cells(subject, rows) if tabular else [""] * len(rows)
    finite = scores[np.isfinite(scores)]
    told = decimals_of(float(finite.std())) if len(finite) else 0
    lines = []
    for row, striking in zip(rows, cells, strict=True):
        line = [str(subject.numbers[row]), _score(float(scores[row]), decimals=told)]
        if labelled:
            assert subject.labels is not None
            line.append(str(subject.labels[row]))
        lines.append((*line, striking) if tabular else tuple(line))
    what = (
        "not as reconstructed, the rarest first" if subject.is_of_categories else "farthest from their reconstruction"
    )
    columns = ["row", "score"] + ["label"] * labelled + [what] * tabular
    caption = f"The {len(rows)} most outlying rows; rows count from 0."
    if tabular and not subject.is_of_categories:
        caption += " Distances are in standard deviations of the column over these rows."
    return Table(caption=caption, columns=tuple(columns), rows=tuple(lines))


def _score(score: float, *, decimals: int) -> str:
    """Four digits, or as many as tell the rows apart."""
    text = number(score)
    return text if len(text.partition(".")[2]) >= decimals else number(score, decimals=decimals)


def _striking_cells(subject: Subject, rows: Int[np.ndarray, " k"]) -> list[str]:
    real = subject.targets.reshape(len(subject.targets), -1)
    back = subject.reconstruction.reshape(real.shape)
    scale = np.where(spreads(real), deviations(real), np.inf)
    distance = np.nan_to_num(np.abs(real - back) / scale, nan=0.0)  # a missing cell is none to be struck by
    found = []
    for row in rows:
        columns = np.argsort(-distance[row], kind="stable")[:_N_COLUMNS]
        found.append(
            "; ".join(
                f"{subject.names[j]} {number(real[row, j])}, not {number(float(back[row, j]))} ({distance[row, j]:.1f})"
                for j in columns
                if distance[row, j] > 0
            )
        )
    return found


def _wrong_categories(subject: Subject, rows: Int[np.ndarray, " k"]) -> list[str]:
    """Cells whose category does not come back, those of the rarest category first."""
    real = subject.targets.reshape(len(subject.targets), -1)
    back = subject.reconstruction.reshape(real.shape)
    found = []
    for row in rows:
        frequency = np.mean(real == real[row], axis=0)
        columns = [j for j in np.argsort(frequency, kind="stable") if real[row, j] != back[row, j]][:_N_COLUMNS]
        found.append(
            "; ".join(f"{subject.names[j]} {number(real[row, j])}, not {number(float(back[row, j]))}" for j in columns)
        )
    return found


def _marks(subject: Subject) -> Int[np.ndarray, " n"] | None:
    """1 for outliers and 0 for others, where the labels mean that and both occur."""
    if not subject.labels_mark_outliers or subject.labels is None or len(np.unique(subject.labels)) < 2:
        return None
    return subject.labels.astype(np.int64)
