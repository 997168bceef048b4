"""Clusters: their weights, the rows they took, what sets each apart, and where they lie."""

import math

import numpy as np
from jaxtyping import Int
from sklearn.metrics import adjusted_rand_score

from lowerbound.data.frames import as_numbers
from lowerbound.evaluate.words import counted, number, share
from lowerbound.findings.clusters import SURE, Cluster, ClusterFindings, by_weight, cluster_parameters
from lowerbound.findings.fitted import ClusterParameters, can_impute, has_clusters
from lowerbound.plots import latent_figure, sample_figure
from lowerbound.report.contents import Picture, Section, TextTable
from lowerbound.report.context import ReportContext
from lowerbound.report.embed import picture

_N_LISTED, _N_IMAGES = 20, 60


def clusters_section(context: ReportContext) -> Section:
    """Weights and sizes as a table, the rows on a map by their cluster, and of images the clusters' means."""
    estimator, found = context.estimator, context.findings.clusters
    assert has_clusters(estimator)
    assert found is not None
    probability = np.asarray(estimator.predict_proba(context.rows))
    chosen = probability.argmax(axis=1)
    paragraphs = [
        f"{found.n_used} of {counted(len(found.clusters), 'cluster')} {'is' if found.n_used == 1 else 'are'} the most probable "
        f"one of some row. For {share(found.share_sure)} of the rows one cluster has more than {share(SURE)} of the probability."
    ]
    if context.labels is not None and len(np.unique(context.labels)) > 1:
        agreement = adjusted_rand_score(context.labels, chosen)
        paragraphs.append(
            "Held against the labels, which the model has not seen, the adjusted Rand index is "
            f"{number(float(agreement), decimals=2)} (1: the same groups; 0: no better than chance). Clusters are shapes in the "
            "data, and need not be classes."
        )
    pictures = [_map(context, chosen)] if len(context.targets) > 2 else []
    if context.to_images is not None:
        pictures.insert(0, _centres(context, cluster_parameters(estimator, context.rows, probability)))
    return Section(
        anchor="clusters",
        title="Clusters",
        paragraphs=tuple(paragraphs),
        pictures=tuple(pictures),
        tables=(_listed(context, found, chosen),),
    )


def _centres(context: ReportContext, parameters: ClusterParameters) -> Picture:
    order, n_clusters = by_weight(parameters), len(parameters.means)
    centres = parameters.means[order[:_N_IMAGES]].reshape(-1, *context.estimator.input_shape_)
    most = "" if n_clusters <= _N_IMAGES else f", the {_N_IMAGES} heaviest of {n_clusters}"
    return picture(
        sample_figure(context.images(centres), n_columns=10, value_range=context.value_range),
        alt=f"Means of {counted(len(centres), 'cluster')}",
        caption=f"The mean of each cluster in the order of their weights, from cluster {order[0]} at the top left{most}.",
    )


def _map(context: ReportContext, chosen: Int[np.ndarray, " n"]) -> Picture:
    """Rows in the plane of their two principal axes, missing cells at their imputed means."""
    filled = context.has_holes and can_impute(context.estimator)
    rows = context.estimator.impute(context.rows) if filled and can_impute(context.estimator) else context.rows
    values = as_numbers(rows).reshape(len(context.targets), -1)
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    scale = np.where(context.moments.varies, deviation, np.inf)
    centred = (values - mean) / (scale if context.to_images is None else 1.0)
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
    units = "" if context.to_images is not None else " of the standardized columns"
    holes = " Missing cells are at their mean given the rest of the row." if filled else ""
    return picture(
        figure,
        alt=f"Map of {counted(len(values), 'row')} by cluster",
        caption=f"The rows in the plane of their two principal axes{units}, which holds {share(carried)} of their variance, "
        f"coloured by their most probable cluster. Clusters that overlap here may be apart in other directions.{holes}",
    )


def _listed(context: ReportContext, found: ClusterFindings, chosen: Int[np.ndarray, " n"]) -> TextTable:
    tabular = context.to_images is None
    lines = []
    for cluster in found.clusters[:_N_LISTED]:
        line = [str(cluster.number), share(cluster.weight), str(cluster.n_rows)]
        line.append("–" if math.isnan(cluster.certainty) else number(cluster.certainty, decimals=2))
        if context.labels is not None:
            line.append(_commonest(context.labels[chosen == cluster.number]) if cluster.n_rows else "–")
        if tabular:
            line.append(_apart(cluster))
        lines.append(tuple(line))
    columns = ["cluster", "weight", "rows", "certainty"]
    columns += ["commonest label"] * (context.labels is not None) + ["what sets it apart"] * tabular
    n_clusters = len(found.clusters)
    most = "" if n_clusters <= _N_LISTED else f" The {_N_LISTED} heaviest of {n_clusters}."
    caption = (
        "Clusters by falling weight, which is a cluster's share of the training rows. Rows: those of this report that most "
        f"probably belong to it; certainty: their mean probability of doing so.{most}"
    )
    if tabular:
        caption += (
            " What sets a cluster apart: the columns whose mean is farthest from the mean of these rows, in standard "
            "deviations."
        )
    return TextTable(caption=caption, columns=tuple(columns), rows=tuple(lines))


def _apart(cluster: Cluster) -> str:
    """The columns in which the mean of the cluster is farthest from that of the rows."""
    words = [f"{d.column} {'+' if d.deviations > 0 else ''}{number(d.deviations, decimals=1)}" for d in cluster.apart]
    return "; ".join(words) or "nothing beyond half a standard deviation"


def _commonest(labels: np.ndarray) -> str:
    names, counts = np.unique(labels, return_counts=True)
    return f"{names[counts.argmax()]} ({share(float(counts.max() / len(labels)))})"
