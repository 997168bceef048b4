"""Clusters of a mixture: their weights, the rows they took, what sets each apart, and where they lie."""

import numpy as np
from jaxtyping import Float, Int
from sklearn.metrics import adjusted_rand_score

from lowerbound.plots import latent_figure, sample_figure
from lowerbound.report.columns import deviations, means, spreads
from lowerbound.report.contents import Picture, Section, Table
from lowerbound.report.embed import picture
from lowerbound.report.numbers import counted, number, share
from lowerbound.report.subject import Subject

_N_LISTED, _N_COLUMNS, _N_IMAGES = 20, 3, 60
_SURE = 0.9  # of a row's cluster
_STRIKING = 0.5  # standard deviations from which on a column sets a cluster apart


def clusters_section(subject: Subject) -> Section:
    """Weights and sizes as a table, the rows on a map by their cluster, and of images the clusters' means."""
    sure = subject.responsibilities.max(axis=1)
    n_clusters = subject.responsibilities.shape[1]
    chosen = subject.responsibilities.argmax(axis=1)
    used = len(np.unique(chosen))
    paragraphs = [
        f"{used} of {counted(n_clusters, 'cluster')} {'is' if used == 1 else 'are'} the most probable one of some row. For "
        f"{share(float(np.mean(sure > _SURE)))} of the rows one cluster has more than {share(_SURE)} of the probability."
    ]
    if subject.labels is not None and len(np.unique(subject.labels)) > 1:
        agreement = adjusted_rand_score(subject.labels, chosen)
        paragraphs.append(
            "Held against the labels, which the model has not seen, the adjusted Rand index is "
            f"{number(float(agreement), decimals=2)} (1: the same groups; 0: no better than chance). Clusters are shapes in the "
            "data, and need not be classes."
        )
    pictures = [_map(subject, chosen)] if len(subject.targets) > 2 else []
    if subject.to_images is not None:
        pictures.insert(0, _centres(subject))
    return Section(
        anchor="clusters",
        title="Clusters",
        paragraphs=tuple(paragraphs),
        pictures=tuple(pictures),
        tables=(_listed(subject, chosen, sure),),
    )


def _centres(subject: Subject) -> Picture:
    estimator = subject.estimator
    centres = estimator.means_[:_N_IMAGES].reshape(-1, *estimator.input_shape_)
    if estimator.preprocessing_.treatment == "dequantize":
        centres = centres - 0.5  # the mean of the noise
    n_clusters = len(estimator.means_)
    most = "" if n_clusters <= _N_IMAGES else f", the {_N_IMAGES} heaviest of {n_clusters}"
    return picture(
        sample_figure(subject.images(centres), n_columns=10, value_range=subject.value_range),
        alt=f"Means of {counted(len(centres), 'cluster')}",
        caption=f"The mean of each cluster in the order of their weights, from cluster 0 at the top left{most}.",
    )


def _map(subject: Subject, chosen: Int[np.ndarray, " n"]) -> Picture:
    """Rows in the plane of their two principal axes, missing cells at their imputed means."""
    rows = subject.rows if not subject.has_holes else subject.estimator.impute(subject.rows)
    values = np.asarray(rows, np.float64).reshape(len(subject.targets), -1)
    scale = np.where(spreads(values), deviations(values), np.inf)
    centred = (values - means(values)) / (scale if subject.to_images is None else 1.0)
    if not np.any(centred):
        centred = np.zeros_like(centred)
    if centred.shape[1] == 1:
        centred = np.hstack([centred, np.zeros_like(centred)])
    left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    figure = latent_figure(
        left[:, :2] * lengths[:2],
        np.char.rjust(chosen.astype(str), len(str(chosen.max()))),  # so that 2 comes before 10
        prior=False,
        axis_names=("first principal axis", "second principal axis"),
        label_name="cluster",
    )
    carried = float(np.sum(lengths[:2] ** 2) / max(np.sum(lengths**2), 1e-300))
    units = "" if subject.to_images is not None else " of the standardized columns"
    holes = " Missing cells are at their mean given the rest of the row." if subject.has_holes else ""
    return picture(
        figure,
        alt=f"Map of {counted(len(values), 'row')} by cluster",
        caption=f"The rows in the plane of their two principal axes{units}, which holds {share(carried)} of their variance, "
        f"coloured by their most probable cluster. Clusters that overlap here may be apart in other directions.{holes}",
    )


def _listed(subject: Subject, chosen: Int[np.ndarray, " n"], sure: Float[np.ndarray, " n"]) -> Table:
    weights = subject.estimator.weights_
    tabular = subject.to_images is None
    apart = _apart(subject) if tabular else []
    lines = []
    for k in range(min(len(weights), _N_LISTED)):
        own = chosen == k
        line = [str(k), share(float(weights[k])), str(int(own.sum()))]
        line.append(number(float(sure[own].mean()), decimals=2) if own.any() else "–")
        if subject.labels is not None:
            line.append(_commonest(subject.labels[own]) if own.any() else "–")
        if tabular:
            line.append(apart[k])
        lines.append(tuple(line))
    columns = ["cluster", "weight", "rows", "certainty"]
    columns += ["commonest label"] * (subject.labels is not None) + ["what sets it apart"] * tabular
    most = "" if len(weights) <= _N_LISTED else f" The {_N_LISTED} heaviest of {len(weights)}."
    caption = (
        "Clusters by falling weight, which is a cluster's share of the training rows. Rows: those of this report that most "
        f"probably belong to it; certainty: their mean probability of doing so.{most}"
    )
    if tabular:
        caption += (
            " What sets a cluster apart: the columns whose mean is farthest from the mean of these rows, in standard "
            "deviations."
        )
    return Table(caption=caption, columns=tuple(columns), rows=tuple(lines))


def _apart(subject: Subject) -> list[str]:
    """For each cluster the columns in which its mean is farthest from that of the rows."""
    values = subject.targets.reshape(len(subject.targets), -1)
    varies = spreads(values)
    distance = np.where(
        varies, (subject.estimator.means_ - means(values)) / np.where(varies, deviations(values), 1.0), 0.0
    )
    found = []
    for row in distance:
        order = [j for j in np.argsort(-np.abs(row), kind="stable")[:_N_COLUMNS] if abs(row[j]) >= _STRIKING]
        words = [f"{subject.names[j]} {'+' if row[j] > 0 else ''}{number(float(row[j]), decimals=1)}" for j in order]
        found.append("; ".join(words) or "nothing beyond half a standard deviation")
    return found


def _commonest(labels: np.ndarray) -> str:
    names, counts = np.unique(labels, return_counts=True)
    return f"{names[counts.argmax()]} ({share(float(counts.max() / len(labels)))})"
