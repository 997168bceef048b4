"""Outliers in tables by exact log p(x): PPCA, factor analysis and mixtures beside scikit-learn's detectors, on the same splits.

The protocol is that of PyOD's benchmark, with the splits of `outlier_tables.py`: a random 60/40 split per seed, columns
standardized by the training rows, no labels in training (so the training rows hold outliers too), ROC-AUC on the 40 % by
`outlier_scores(method="log_evidence")`. The sizes of each model are chosen anew on every split, by the mean log p(x) of a
quarter of the training rows after a fit to the rest; then the model is fitted to all training rows. No label and no test row
has a part in the choice.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from harness import HERE, header, machine, table, write
from outlier_protocol import (
    N_NEIGHBORS,
    PCA_VARIANCE,
    PEERS,
    PUBLISHED,
    TABLES,
    Split,
    area_table,
    over_tables,
    peer_areas,
    published,
    read_tables,
    table_means,
)
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(HERE / "sides"))

from common import versions

from lowerbound import PPCA, FactorAnalysis, MixtureOfFactorAnalyzers

Model = Literal["PPCA", "FactorAnalysis", "Mixture"]
MODELS: tuple[Model, ...] = get_args(Model)
OTHER_TABLES = ("annthyroid", "breastw", "mammography", "thyroid", "vertebral")
LATENT_DIMS = (1, 2, 3, 5, 10)
CLUSTERS = (2, 4, 8)
MIXTURE_LATENT_DIMS = (0, 2)
Sizes = tuple[int, ...]


def candidates(model: Model, n_features: int) -> list[Sizes]:
    """(latent_dim,), or (n_clusters, latent_dim) of mixtures, with fewer latents than features."""
    if model == "Mixture":
        return [(k, latent_dim) for k in CLUSTERS for latent_dim in MIXTURE_LATENT_DIMS if latent_dim < n_features]
    return [(latent_dim,) for latent_dim in LATENT_DIMS if latent_dim < n_features]


def fitted(model: Model, sizes: Sizes, rows: np.ndarray, *, seed: int) -> Any:
    """The estimator, its other settings the defaults, fitted to the rows."""
    match model:
        case "PPCA":
            return PPCA(*sizes, random_state=seed).fit(rows)
        case "FactorAnalysis":
            return FactorAnalysis(*sizes, random_state=seed).fit(rows)
        case "Mixture":
            n_clusters, latent_dim = sizes
            return MixtureOfFactorAnalyzers(n_clusters, latent_dim=latent_dim, random_state=seed).fit(rows)


def chosen(model: Model, rows: np.ndarray, *, seed: int) -> Sizes:
    """The candidate with the best mean log p(x) on the last quarter of the (shuffled) training rows."""
    rest, held = np.split(rows, [round(0.75 * len(rows))])
    found = candidates(model, rows.shape[1])
    scores = [float(fitted(model, sizes, rest, seed=seed).score(held)) for sizes in found]
    return found[int(np.argmax(scores))]


def areas_of(parts: Split, seed: int, choices: dict[Model, Counter[Sizes]]) -> dict[str, float]:
    """ROC-AUC on the test rows by model; the sizes that were chosen are counted in `choices`."""
    areas = {}
    for model in MODELS:
        sizes = chosen(model, parts.train, seed=seed)
        choices[model][sizes] += 1
        scores = fitted(model, sizes, parts.train, seed=seed).outlier_scores(parts.test, method="log_evidence")
        areas[model] = float(roc_auc_score(parts.test_labels, scores))
    return areas


def differences(own: dict[str, list[dict[str, float]]], others: dict[str, list[dict[str, float]]], model: Model) -> str:
    """The model's area less that of the best peer of each table."""
    found = []
    for number, name in enumerate(own):
        best = max(PEERS, key=lambda peer: table_means(others, peer)[number])
        gap = table_means(own, model)[number] - table_means(others, best)[number]
        found.append(f"{name} {gap:+.3f} ({best})")
    return f"- {model}: {', '.join(found)}."


def choice_table(choices: dict[str, dict[Model, Counter[Sizes]]]) -> str:
    """Rows: tables; cells: the sizes that were chosen, with how often where they differ between splits."""

    def cell(counted: Counter[Sizes]) -> str:
        named = {" × ".join(map(str, sizes)): number for sizes, number in counted.most_common()}
        return ", ".join(name if len(named) == 1 else f"{name} ({number})" for name, number in named.items())

    rows = [[name, *(cell(counted[model]) for model in MODELS)] for name, counted in choices.items()]
    return table(("table", *MODELS), rows)


def measured(
    names: Sequence[str], *, n_seeds: int
) -> tuple[
    dict[str, list[dict[str, float]]], dict[str, list[dict[str, float]]], dict[str, dict[Model, Counter[Sizes]]]
]:
    """Areas of the models, areas of the peers, and the sizes that were chosen, by table."""
    own: dict[str, list[dict[str, float]]] = {}
    choices: dict[str, dict[Model, Counter[Sizes]]] = {}
    tables = read_tables(names)
    for name, content in tables.items():
        counted: dict[Model, Counter[Sizes]] = {model: Counter() for model in MODELS}
        own |= over_tables(
            {name: content}, lambda parts, seed, counted=counted: areas_of(parts, seed, counted), n_seeds=n_seeds
        )
        choices[name] = counted
    others = over_tables(tables, lambda parts, seed: peer_areas(parts, seed=seed), n_seeds=n_seeds)
    return own, others, choices


def section(names: Sequence[str], *, n_seeds: int) -> tuple[dict[str, Any], list[str]]:
    """Numbers and text of some tables."""
    own, others, choices = measured(names, n_seeds=n_seeds)
    sizes = ", ".join(
        f"{name} {len(rows)} × {rows.shape[1]} with {labels.mean():.1%}"
        for name, (rows, labels) in read_tables(names).items()
    )
    numbers = {
        "own": own,
        "peers": others,
        "chosen": {
            name: {model: [[*sizes, number] for sizes, number in counted[model].items()] for model in MODELS}
            for name, counted in choices.items()
        },
    }
    return numbers, [
        f"Rows, columns and outliers: {sizes}.",
        area_table(own, MODELS),
        "scikit-learn on the same splits:",
        area_table(others, PEERS),
        "Area less that of the peer that is best on each table, which nobody knows beforehand:",
        "\n".join(differences(own, others, model) for model in MODELS),
        "The sizes chosen, `latent_dim`, of mixtures `n_clusters` × `latent_dim` (and on how many splits):",
        choice_table(choices),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="splits per table")
    parser.add_argument("--quick", action="store_true", help="a look: wbc and vertebral, one split")
    options = parser.parse_args()
    about, start = machine(), time.perf_counter()
    n_seeds = 1 if options.quick else options.seeds
    numbers, text = section(("wbc",) if options.quick else TABLES, n_seeds=n_seeds)
    more_numbers, more_text = section(("vertebral",) if options.quick else OTHER_TABLES, n_seeds=n_seeds)

    name = "outlier_linear_quick" if options.quick else "outlier_linear"
    result = header(name, versions=versions("lowerbound", "jax", "scikit-learn", "numpy"), machine=about) | {
        "arguments": vars(options),
        "seconds": time.perf_counter() - start,
        "five_tables": numbers,
        "other_tables": more_numbers,
        "published": PUBLISHED,
    }
    write(
        result,
        [
            f"{__doc__.strip()}\n\n{n_seeds} seeds; cells are mean ± standard deviation over them. scikit-learn's: the distance "
            f"to neighbour {N_NEIGHBORS} (kNN), one Gaussian with a full covariance, PCA's squared error with the components "
            f"that hold {PCA_VARIANCE:.0%} of the variance; defaults otherwise.",
            "## The five tables of `outlier_tables.py`",
            *text,
            *published(),
            "## Other tables",
            *more_text,
        ],
    )


if __name__ == "__main__":
    main()
