"""Missing cells of real tables: squared error of imputations, beside factor analysis, PPCA and scikit-learn's imputers.

The tables concrete and wine_red (UCI), standardized with all their rows, 30 % of their cells missing completely at random. All
rows are used for fitting, and it is their missing cells that are filled; `mse` is the mean squared error on them. The number of
latents of every model is the one, of 2, 4 and 6, that fills a tenth of the observed cells best when these are held out: no
model sees the truth. The VAE has the importance-weighted bound over observed cells (MIWAE) and the settings of
`missing_values.py`.
"""

import sys
import time
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import HERE, header, machine, table, write
from missing_values import MIWAE
from sklearn.experimental import enable_iterative_imputer as enable_iterative_imputer
from sklearn.impute import IterativeImputer, SimpleImputer

sys.path.insert(0, str(HERE / "sides"))

from common import versions
from missing import mean_squared_error

from lowerbound import PPCA, VAE, FactorAnalysis
from lowerbound.data.catalog import load_named

TABLES = ("uci/concrete", "uci/wine_red")
SHARE, HELD_SHARE = 0.3, 0.1
LATENT_DIMS = (2, 4, 6)
COVERAGE = 0.95


def holed(rows: np.ndarray, share: float, *, seed: int) -> np.ndarray:
    """The table with that share of its observed cells missing."""
    taken = (np.random.default_rng(seed).random(rows.shape) < share) & ~np.isnan(rows)
    return np.where(taken, np.nan, rows)


def standardized(name: str) -> np.ndarray:
    """All rows of a named table, in units of each column's standard deviation."""
    named = load_named(name)
    rows = np.concatenate([named.x_train, named.x_test]).astype(np.float64)
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


def models(seed: int, *, quick: bool) -> dict[str, Callable[[int], Any]]:
    """Makers of unfitted models for a number of latents."""
    epochs = {"max_epochs": 5} if quick else {}
    return {
        "PPCA": lambda latent_dim: PPCA(latent_dim, random_state=seed),
        "FactorAnalysis": lambda latent_dim: FactorAnalysis(latent_dim, random_state=seed),
        "VAE, importance-weighted": lambda latent_dim: VAE(
            **(MIWAE | epochs | {"latent_dim": latent_dim}), random_state=seed
        ),
    }


def chosen_latents(make: Callable[[int], Any], table_with_holes: np.ndarray, *, seed: int) -> int:
    """The number of latents that fills held-out observed cells best."""
    rest = holed(table_with_holes, HELD_SHARE, seed=seed + 1)
    held = np.isnan(rest) & ~np.isnan(table_with_holes)

    def error(latent_dim: int) -> float:
        return float(np.mean((make(latent_dim).fit(rest).impute(rest) - table_with_holes)[held] ** 2))

    return min(LATENT_DIMS, key=error)


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=ArgumentDefaultsHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a look: a few epochs")
    options = parser.parse_args()
    about, start = machine(), time.perf_counter()
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name in TABLES:
        rows = standardized(name)
        with_holes = holed(rows, SHARE, seed=options.seed)
        own: dict[str, dict[str, Any]] = {}
        for imputer in (SimpleImputer(), IterativeImputer(random_state=options.seed, max_iter=50)):
            filled = imputer.fit_transform(with_holes)
            own[f"scikit-learn {type(imputer).__name__}"] = {"mse": mean_squared_error(filled, rows, with_holes)}
        for label, make in models(options.seed, quick=options.quick).items():
            latent_dim = chosen_latents(make, with_holes, seed=options.seed)
            begun = time.perf_counter()
            model = make(latent_dim).fit(with_holes)
            seconds = time.perf_counter() - begun
            interval = model.imputation(with_holes, coverage=COVERAGE)
            inside = (interval.lower <= rows) & (rows <= interval.upper)
            own[f"{label}, {latent_dim} latents"] = {
                "mse": mean_squared_error(model.impute(with_holes), rows, with_holes),
                "coverage": float(np.mean(inside[np.isnan(with_holes)])),
                "fit_s": seconds,
            }
            print(name, label, latent_dim, own[f"{label}, {latent_dim} latents"], file=sys.stderr, flush=True)
        found[name] = own
    columns = {"mse": ".4f", "coverage": ".3f", "fit_s": ".1f"}
    text = [
        table(
            ("table", "model", *columns),
            [
                [
                    name,
                    model,
                    *(format(entry[column], form) if column in entry else "" for column, form in columns.items()),
                ]
                for name, own in found.items()
                for model, entry in own.items()
            ],
        ),
        f"`coverage`: share of the missing cells inside their {COVERAGE:.0%} intervals. `fit_s` holds compilation.",
    ]
    used = versions("lowerbound", "jax", "scikit-learn", "numpy")
    result = header("missing_tables_quick" if options.quick else "missing_tables", versions=used, machine=about)
    write(
        result | {"seed": options.seed, "seconds": time.perf_counter() - start, "tables": found},
        [__doc__.strip(), *text],
    )


if __name__ == "__main__":
    main()
