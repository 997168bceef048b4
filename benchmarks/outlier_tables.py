"""Outliers in tables: ROC-AUC of a VAE's four outlier scores beside scikit-learn's detectors, on the same splits.

The protocol is that of PyOD's benchmark: a random 60/40 split per seed, columns standardized by the training
rows, no labels in training (so the training rows hold outliers too), ROC-AUC on the 40 %. One setting of the VAE
serves all tables. It is chosen among a few candidates by the ELBO of a quarter of the training rows, held out for
that purpose; no label and no test row has a part in the choice.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from harness import HERE, header, machine, table, write
from outlier_protocol import (
    N_NEIGHBORS,
    PCA_VARIANCE,
    PEERS,
    PUBLISHED,
    Split,
    Tables,
    area_table,
    over_tables,
    peer_areas,
    published,
    read_tables,
    split,
    table_means,
)
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(HERE / "sides"))

from common import versions

from lowerbound import VAE

Method = Literal["kl", "log_evidence", "elbo", "reconstruction"]
METHODS: tuple[Method, ...] = get_args(Method)
BATCH_SIZE = 128

INLIERS = (
    "Here the outliers were taken out of the training rows by their labels, for the VAE and the peers alike: not the protocol, "
    "but the case of a user whose training rows are known to be clean."
)


class Setting(NamedTuple):
    """What may differ between VAEs; the rest are the estimator's defaults."""

    latent_dim: int
    steps: int
    variance: Literal["feature", "network", "fixed"] = "feature"


QUICK_CANDIDATES = (Setting(2, 300), Setting(5, 300))
CANDIDATES = tuple(Setting(latent_dim, steps) for latent_dim in (2, 5, 10) for steps in (1000, 3000, 10000))


# The outcome of --part choice, in results/outlier_tables_choice.md.
SETTING = Setting(latent_dim=10, steps=3000)


# Looked at after the choice, to understand the result.
VARIANTS = {
    "the setting itself": SETTING,
    "latent_dim=2": SETTING._replace(latent_dim=2),
    "steps=300": SETTING._replace(steps=300),
    "variance='fixed'": SETTING._replace(variance="fixed"),
}


def fit_vae(rows: np.ndarray, setting: Setting, *, seed: int) -> VAE:
    """A VAE trained for about that many steps, all its epochs; from 200 rows on a tenth of them picks the epoch."""
    steps_per_epoch = math.ceil(len(rows) * (0.9 if len(rows) >= 200 else 1.0) / BATCH_SIZE)
    return VAE(
        latent_dim=setting.latent_dim,
        variance=setting.variance,
        batch_size=BATCH_SIZE,
        max_epochs=max(1, round(setting.steps / steps_per_epoch)),
        patience=None,
        random_state=seed,
    ).fit(rows)


def held_out_elbo(rows: np.ndarray, setting: Setting, *, seed: int) -> float:
    """Mean ELBO, in nats, of the last quarter of the (shuffled) training rows after training on the rest."""
    rest, held = np.split(rows, [round(0.75 * len(rows))])
    return float(np.mean(fit_vae(rest, setting, seed=seed).elbo(held), dtype=np.float64))


def choose(tables: Tables, candidates: Sequence[Setting], *, n_seeds: int) -> tuple[Setting, list[dict]]:
    """The candidate with the best held-out ELBO, averaged over seeds and then tables; and the figures of all."""
    figures = []
    for candidate in candidates:
        elbos = {}
        for name, (rows, labels) in tables.items():
            splits = [split(rows, labels, seed=seed).train for seed in range(n_seeds)]
            elbos[name] = float(np.mean([held_out_elbo(train, candidate, seed=s) for s, train in enumerate(splits)]))
        figures.append({"setting": candidate._asdict(), "elbo": elbos, "mean": float(np.mean(list(elbos.values())))})
        print(figures[-1], file=sys.stderr, flush=True)
    best = int(np.argmax([figure["mean"] for figure in figures]))
    return candidates[best], figures


def vae_areas(parts: Split, setting: Setting, *, seed: int) -> dict[str, float]:
    """ROC-AUC on the test rows of the VAE by each method."""
    vae = fit_vae(parts.train, setting, seed=seed)
    scores = {method: vae.outlier_scores(parts.test, method=method) for method in METHODS}
    return {method: float(roc_auc_score(parts.test_labels, values)) for method, values in scores.items()}


def differences(own: dict[str, list[dict[str, float]]], others: dict[str, list[dict[str, float]]], method: str) -> str:
    """The VAE's area less that of the best peer of each table."""
    found = []
    for number, name in enumerate(own):
        best = max(PEERS, key=lambda peer: table_means(others, peer)[number])
        gap = table_means(own, method)[number] - table_means(others, best)[number]
        found.append(f"{name} {gap:+.3f} ({best})")
    return f"- `{method}`: {', '.join(found)}."


def in_words(setting: Setting) -> str:
    """The setting as arguments."""
    return ", ".join(f"`{name}={value!r}`" for name, value in setting._asdict().items())


def choice_part(tables: Tables, candidates: Sequence[Setting], *, n_seeds: int) -> tuple[dict, list[str]]:
    """Numbers and text of the choice."""
    setting, figures = choose(tables, candidates, n_seeds=n_seeds)
    rows = [
        [
            figure["setting"]["latent_dim"],
            figure["setting"]["steps"],
            *(f"{figure['elbo'][name]:.2f}" for name in tables),
            f"**{figure['mean']:.2f}**",
        ]
        for figure in figures
    ]
    return {"setting": setting._asdict(), "figures": figures}, [
        f"The choice of the setting: ELBO in nats per row on the held-out quarter of the training rows, mean over "
        f"{n_seeds} splits. Best mean over the tables: {in_words(setting)}.",
        table(("latent_dim", "steps", *tables, "mean"), rows),
    ]


def areas_part(tables: Tables, setting: Setting, *, n_seeds: int, inliers_only: bool = False) -> tuple[dict, list[str]]:
    """Numbers and text of the comparison, for all training rows or the inliers among them."""

    def measured(score: Callable[[Split, int], dict[str, float]]) -> dict[str, list[dict[str, float]]]:
        return over_tables(tables, score, n_seeds=n_seeds, inliers_only=inliers_only)

    own = measured(lambda parts, seed: vae_areas(parts, setting, seed=seed))
    others = measured(lambda parts, seed: peer_areas(parts, seed=seed))
    sizes = ", ".join(
        f"{name} {len(rows)} × {rows.shape[1]} with {labels.mean():.1%}" for name, (rows, labels) in tables.items()
    )
    numbers = {"setting": setting._asdict(), "vae": own, "peers": others} | (
        {} if inliers_only else {"published": PUBLISHED}
    )
    return numbers, [
        *([INLIERS] if inliers_only else []),
        f"{n_seeds} seeds; cells are mean ± standard deviation over them. Rows, columns and outliers: {sizes}.",
        f"The VAE, {in_words(setting)}, by its methods:",
        area_table(own, METHODS),
        f"scikit-learn on the same splits: the distance to neighbour {N_NEIGHBORS} (kNN), one Gaussian with a full covariance, "
        f"PCA's squared error with the components that hold {PCA_VARIANCE:.0%} of the variance (PyOD's PCA is another score: "
        "distances along all components, weighted by their variance); defaults otherwise.",
        area_table(others, PEERS),
        "The VAE's area less that of the peer that is best on each table, which nobody knows beforehand:",
        "\n".join(differences(own, others, method) for method in METHODS),
        *([] if inliers_only else published()),
    ]


def variants_part(tables: Tables, variants: dict[str, Setting], *, n_seeds: int) -> tuple[dict, list[str]]:
    """Numbers and text of what other settings would have given."""
    areas = {
        name: over_tables(
            tables, lambda parts, seed, setting=setting: vae_areas(parts, setting, seed=seed), n_seeds=n_seeds
        )
        for name, setting in variants.items()
    }
    return {"variants": areas}, variants_text(areas, n_seeds=n_seeds)


def variants_text(areas: dict[str, dict[str, list[dict[str, float]]]], *, n_seeds: int) -> list[str]:
    """Text of the variants."""
    means = [
        [name, *(f"{np.mean(table_means(found, method)):.3f}" for method in METHODS)] for name, found in areas.items()
    ]
    return [
        f"What other settings would have given, {n_seeds} seeds: looked at after the choice, and no part of it. "
        f"Each differs from {in_words(SETTING)} in what its name says. Mean over the tables, by method:",
        table(("variant", *METHODS), means),
        "By table:",
        *(f"{name}:\n\n{area_table(found, METHODS)}" for name, found in areas.items()),
    ]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        "--part", choices=["areas", "inliers", "choice", "variants"], default="areas", help="what to run: see README.md"
    )
    parser.add_argument("--seeds", type=int, default=5, help="splits per table")
    parser.add_argument("--quick", action="store_true", help="a look: one split, 300 steps")
    return parser.parse_args()


def main() -> None:
    options = parse()
    about, start = machine(), time.perf_counter()
    tables, n_seeds = read_tables(), 1 if options.quick else options.seeds
    if options.part == "choice":
        candidates = QUICK_CANDIDATES if options.quick else CANDIDATES
        numbers, text = choice_part(tables, candidates, n_seeds=n_seeds)
    elif options.part == "variants":
        steps = {"steps": QUICK_CANDIDATES[0].steps} if options.quick else {}
        variants = {name: setting._replace(**steps) for name, setting in VARIANTS.items()}
        numbers, text = variants_part(tables, variants, n_seeds=n_seeds)
    else:
        setting = QUICK_CANDIDATES[0] if options.quick else SETTING
        numbers, text = areas_part(tables, setting, n_seeds=n_seeds, inliers_only=options.part == "inliers")

    part = "" if options.part == "areas" else f"_{options.part}"
    name = f"outlier_tables{part}{'_quick' if options.quick else ''}"
    result = header(name, versions=versions("lowerbound", "jax", "scikit-learn", "numpy"), machine=about) | {
        "arguments": vars(options),
        "seconds": time.perf_counter() - start,
        **numbers,
    }
    write(result, [__doc__.strip(), *text])


if __name__ == "__main__":
    main()
