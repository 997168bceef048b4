"""The protocol of PyOD's benchmark on ADBench's tables, and scikit-learn's detectors under it.

A random 60/40 split per seed, columns standardized by the training rows, no labels in training (so the training rows
hold outliers too), ROC-AUC on the 40 %. The benchmarks of deep and of exactly solvable models share these lines, and
with them the splits.
"""

import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from harness import HERE, table
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.svm import OneClassSVM

sys.path.insert(0, str(HERE / "sides"))

from common import mnist_path

TABLES = ("cardio", "satellite", "pendigits", "wbc", "pima")
N_NEIGHBORS = 5
PCA_VARIANCE = 0.9

PEERS = ("IForest", "kNN", "LOF", "OCSVM", "Gaussian", "PCA")

# PyOD's published benchmark. Its wbc has 378 rows and 30 columns, the wbc here 223 rows and 9: another table.
PUBLISHED_COLUMNS = ("PCA", "kNN", "IForest", "OCSVM", "AE", "GMM", "KDE")
PUBLISHED = {
    "cardio": (0.950, 0.724, 0.921, 0.935, 0.817, 0.898, 0.735),
    "satellite": (0.599, 0.684, 0.702, 0.662, 0.663, 0.637, 0.759),
    "pendigits": (0.935, 0.749, 0.944, 0.930, 0.782, 0.764, 0.887),
    "wbc (378 × 30)": (0.916, 0.937, 0.931, 0.932, 0.923, 0.933, 0.895),
    "pima": (0.648, 0.708, 0.681, 0.622, 0.666, 0.684, 0.718),
}

Tables = dict[str, tuple[np.ndarray, np.ndarray]]


class Split(NamedTuple):
    """Standardized training and test rows, and the labels of the latter (1: outlier)."""

    train: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


def read_tables(names: Sequence[str] = TABLES) -> Tables:
    """Rows and labels of each table."""
    with np.load(mnist_path().with_name("outliers.npz"), allow_pickle=False) as data:
        return {name: (data[f"{name}_x"].astype(np.float64), data[f"{name}_y"]) for name in names}


def split(rows: np.ndarray, labels: np.ndarray, *, seed: int, inliers_only: bool = False) -> Split:
    """A random 60/40 split, standardized by its training rows; the outliers among these may be left out."""
    order = np.random.default_rng(seed).permutation(len(rows))
    train, test = np.split(order, [round(0.6 * len(rows))])
    if inliers_only:
        train = train[labels[train] == 0]
    shift, scale = rows[train].mean(axis=0), rows[train].std(axis=0)
    standardized = (rows - shift) / np.where(scale > 0, scale, 1.0)
    return Split(standardized[train], standardized[test], labels[test])


def peers(seed: int) -> dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    """scikit-learn's detectors: (training rows, test rows) -> scores, larger is more outlying. Defaults unless said."""
    return {
        "IForest": lambda train, test: -IsolationForest(random_state=seed).fit(train).score_samples(test),
        "kNN": lambda train, test: NearestNeighbors(n_neighbors=N_NEIGHBORS).fit(train).kneighbors(test)[0][:, -1],
        "LOF": lambda train, test: -LocalOutlierFactor(novelty=True).fit(train).score_samples(test),
        "OCSVM": lambda train, test: -OneClassSVM().fit(train).score_samples(test),
        "Gaussian": lambda train, test: -GaussianMixture(1, random_state=seed).fit(train).score_samples(test),
        "PCA": pca_error,
    }


def pca_error(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Squared reconstruction error with the components that hold 90 % of the training variance."""
    pca = PCA(PCA_VARIANCE, svd_solver="full").fit(train)
    return np.sum((test - pca.inverse_transform(pca.transform(test))) ** 2, axis=1)


def peer_areas(parts: Split, *, seed: int) -> dict[str, float]:
    """ROC-AUC on the test rows of each peer."""
    scores = {name: score(parts.train, parts.test) for name, score in peers(seed).items()}
    return {name: float(roc_auc_score(parts.test_labels, values)) for name, values in scores.items()}


def over_tables(
    tables: Tables, score: Callable[[Split, int], dict[str, float]], *, n_seeds: int, inliers_only: bool = False
) -> dict[str, list[dict[str, float]]]:
    """For each table the figures of each seed's split."""
    found = {}
    for name, (rows, labels) in tables.items():
        splits = [split(rows, labels, seed=seed, inliers_only=inliers_only) for seed in range(n_seeds)]
        found[name] = [score(parts, seed) for seed, parts in enumerate(splits)]
        print(name, found[name], file=sys.stderr, flush=True)
    return found


def mean_and_deviation(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


def table_means(areas: dict[str, list[dict[str, float]]], column: str) -> list[float]:
    """Mean over the seeds, for each table."""
    return [float(np.mean([run[column] for run in runs])) for runs in areas.values()]


def area_table(areas: dict[str, list[dict[str, float]]], columns: Sequence[str]) -> str:
    """Rows: tables; cells: mean ± standard deviation over the seeds; last row: the mean over the tables."""
    rows = [
        [name, *(mean_and_deviation([run[column] for run in runs]) for column in columns)]
        for name, runs in areas.items()
    ]
    means = [f"**{np.mean(table_means(areas, column)):.3f}**" for column in columns]
    return table(("table", *columns), [*rows, ["mean", *means]])


def published() -> list[str]:
    """Text of the published figures."""
    return [
        "Published figures, for orientation (PyOD's benchmark, means over other random splits); nothing here was run by "
        "us. Its wbc is another table than ours and cannot be compared.",
        table(
            ("table", *PUBLISHED_COLUMNS),
            [[name, *(f"{value:.3f}" for value in row)] for name, row in PUBLISHED.items()],
        ),
    ]
