"""What is odd: the scores of all rows, and the rows at both ends of their order."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from lowerbound.evaluate.words import counted, decimals_of, number
from lowerbound.plots import outlier_figure, score_figure
from lowerbound.plots.outliers import ends
from lowerbound.plots.scores import SCORES
from lowerbound.report.contents import Picture, Section, TextTable
from lowerbound.report.context import ReportContext
from lowerbound.report.embed import picture

_N_IMAGES, _N_LISTED, _N_COLUMNS = 8, 10, 3

_FINDS = {
    "kl": "rows whose code is far from the prior, or unusually sure",
    "log_evidence": "rows of low density, for whichever reason",
    "elbo": "rows of low density, through the bound",
    "reconstruction": "rows that the decoder cannot reproduce",
}


def outliers_section(context: ReportContext) -> Section:
    """A histogram of the outlier scores, and the most and least outlying rows."""
    scores = context.scores
    finite = np.isfinite(scores)
    order = np.argsort(-scores, kind="stable")
    paragraphs = [
        f"Scored by {context.method}, {SCORES[context.method]}: {_FINDS[context.method]}. Larger is more outlying; nats."
    ]
    if context.has_holes:
        paragraphs.append(
            "A row is scored by its observed cells only: rows that have few of them have scores nearer to 0."
        )
    if context.threshold is not None:
        above = int(np.sum(scores > context.threshold))
        paragraphs.append(
            f"{above} of {counted(len(scores), 'row')} are beyond the detector's threshold of "
            f"{number(context.threshold)} and would be called outliers."
        )
    if not finite.all():
        paragraphs.append(f"{counted(int((~finite).sum()), 'row')} without any density are not in the histogram.")
    pictures = [_histogram(context, scores, finite)] if finite.any() else []
    if context.to_images is not None:
        pictures.append(_ends(context, scores))
    return Section(
        anchor="outliers",
        title="Outliers",
        paragraphs=tuple(paragraphs),
        pictures=tuple(pictures),
        tables=(_listed(context, scores, order[:_N_LISTED]),),
    )


def _histogram(context: ReportContext, scores: Float[np.ndarray, " n"], finite: Bool[np.ndarray, " n"]) -> Picture:
    marks = _marks(context)
    both = marks is not None and len(np.unique(marks[finite])) == 2
    labels = marks[finite] if marks is not None and both else None
    figure = score_figure(scores[finite], labels=labels, threshold=context.threshold, method=context.method)
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


def _ends(context: ReportContext, scores: Float[np.ndarray, " n"]) -> Picture:
    n = min(_N_IMAGES, len(scores))
    shown = ends(scores, n=n)
    figure = outlier_figure(
        context.images(context.targets[shown]),
        scores[shown],
        n=n,
        method=context.method,
        rows=context.numbers[shown],
        value_range=context.value_range,
    )
    return picture(
        figure,
        alt=f"The {n} most and the {n} least outlying images",
        caption="The most outlying rows and the least outlying ones, with row number and score. The upper ones should look odd, "
        "mislabelled or damaged; if they look ordinary, try another method.",
    )


def _listed(context: ReportContext, scores: Float[np.ndarray, " n"], rows: Int[np.ndarray, " k"]) -> TextTable:
    """Row number, score, label, and for tables the cells farthest from their reconstruction."""
    labelled, tabular = context.labels is not None, context.to_images is None
    striking_cells = _wrong_categories if context.is_of_categories else _striking_cells
    cells = striking_cells(context, rows) if tabular else [""] * len(rows)
    finite = scores[np.isfinite(scores)]
    told = decimals_of(float(finite.std())) if len(finite) else 0
    lines = []
    for row, striking in zip(rows, cells, strict=True):
        line = [str(context.numbers[row]), _score(float(scores[row]), decimals=told)]
        if labelled:
            assert context.labels is not None
            line.append(str(context.labels[row]))
        lines.append((*line, striking) if tabular else tuple(line))
    what = (
        "not as reconstructed, the rarest first" if context.is_of_categories else "farthest from their reconstruction"
    )
    columns = ["row", "score"] + ["label"] * labelled + [what] * tabular
    caption = f"The {len(rows)} most outlying rows; rows count from 0."
    if tabular and not context.is_of_categories:
        caption += " Distances are in standard deviations of the column over these rows."
    return TextTable(caption=caption, columns=tuple(columns), rows=tuple(lines))


def _score(score: float, *, decimals: int) -> str:
    """Four digits, or as many as tell the rows apart."""
    text = number(score)
    return text if len(text.partition(".")[2]) >= decimals else number(score, decimals=decimals)


def _striking_cells(context: ReportContext, rows: Int[np.ndarray, " k"]) -> list[str]:
    real = context.targets.reshape(len(context.targets), -1)
    back = context.reconstruction.reshape(real.shape)
    scale = np.where(context.moments.varies, context.moments.deviation, np.inf)
    distance = np.nan_to_num(np.abs(real - back) / scale, nan=0.0)  # a missing cell is none to be struck by
    found = []
    for row in rows:
        columns = np.argsort(-distance[row], kind="stable")[:_N_COLUMNS]
        found.append(
            "; ".join(
                f"{context.names[j]} {number(real[row, j])}, not {number(float(back[row, j]))} ({distance[row, j]:.1f})"
                for j in columns
                if distance[row, j] > 0
            )
        )
    return found


def _wrong_categories(context: ReportContext, rows: Int[np.ndarray, " k"]) -> list[str]:
    """Cells whose category does not come back, those of the rarest category first."""
    real = context.targets.reshape(len(context.targets), -1)
    back = context.reconstruction.reshape(real.shape)
    found = []
    for row in rows:
        frequency = np.mean(real == real[row], axis=0)
        columns = [j for j in np.argsort(frequency, kind="stable") if real[row, j] != back[row, j]][:_N_COLUMNS]
        found.append(
            "; ".join(f"{context.names[j]} {number(real[row, j])}, not {number(float(back[row, j]))}" for j in columns)
        )
    return found


def _marks(context: ReportContext) -> Int[np.ndarray, " n"] | None:
    """1 for outliers and 0 for others, where the labels mean that and both occur."""
    if not context.labels_mark_outliers or context.labels is None or len(np.unique(context.labels)) < 2:
        return None
    return context.labels.astype(np.int64)
