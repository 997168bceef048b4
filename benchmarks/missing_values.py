"""Missing cells: squared error of imputations and log p(x) of the observed cells, beside imputers and packages.

scikit-learn's breast_cancer, standardized with all its rows, half of its cells missing completely at random by the seed of
MIWAE's notebooks, so that published figures can be held against it. All rows are used for fitting, and it is their missing
cells that are filled. `mse` is the mean squared error on the missing cells, `log_likelihood` the mean over the rows of
log p(observed cells) in nats.
"""

import sys
import time
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser, BooleanOptionalAction, Namespace
from typing import Any

import numpy as np
from harness import HERE, header, machine, run_side, table, write
from missing_values_speed import PEERS, peer_side
from sklearn.experimental import enable_iterative_imputer as enable_iterative_imputer
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

sys.path.insert(0, str(HERE / "sides"))

from common import versions
from missing import breast_cancer, mean_squared_error

from lowerbound import PPCA, VAE, FactorAnalysis, MixtureOfFactorAnalyzers

LATENT_DIMS = (2, 4, 8)
PEERS_LATENT_DIM = 8
MIXTURES = ((2, 0), (5, 0), (2, 2), (2, 4), (3, 4))
N_STARTS = 5
COVERAGE = 0.95
FLOORS = (1e-6, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
FLOORS_LATENT_DIM = 8
HELD_SHARE = 0.1
N_HELD = 3
# The importance-weighted bound over observed cells: MIWAE, with the widths, activation and draws of its paper.
MIWAE: dict[str, Any] = {
    "latent_dim": 10,
    "objective": "importance_weighted",
    "n_importance_samples": 20,
    "hidden": (128,),
    "activation": "tanh",
    "standardize": False,
    "max_epochs": 600,
    "batch_size": 64,
    "validation_fraction": 0.0,
    "patience": None,
}
# The paper's figure for this recipe, P.-A. Mattei, J. Frellsen, "MIWAE", ICML 2019.
PUBLISHED = (
    "MIWAE is published with 0.2867 on this recipe; `VAE(10), importance-weighted` is that model, with Gaussian noise."
)


def models(seed: int, *, quick: bool) -> dict[str, Any]:
    """Unfitted models by name."""
    own: dict[str, Any] = {}
    for latent_dim in LATENT_DIMS:
        own[f"PPCA({latent_dim})"] = PPCA(latent_dim, random_state=seed)
    for latent_dim in LATENT_DIMS:
        own[f"FactorAnalysis({latent_dim})"] = FactorAnalysis(latent_dim, random_state=seed)
    for n_clusters, latent_dim in MIXTURES[: 1 if quick else None]:
        own[f"MixtureOfFactorAnalyzers({n_clusters}, latent_dim={latent_dim})"] = MixtureOfFactorAnalyzers(
            n_clusters, latent_dim=latent_dim, n_init=1 if quick else N_STARTS, random_state=seed
        )
    own["VAE(10), importance-weighted"] = VAE(**(MIWAE | ({"max_epochs": 5} if quick else {})), random_state=seed)
    return own


def filled_by(model: Any, rows: np.ndarray, holed: np.ndarray) -> dict[str, Any]:
    """Error, log p(observed cells), share of the missing cells inside their intervals, of one model of lowerbound."""
    start = time.perf_counter()
    model.fit(holed)
    fit_s = time.perf_counter() - start
    missing = np.isnan(holed)
    interval = model.imputation(holed, coverage=COVERAGE)
    inside = (interval.lower <= rows) & (rows <= interval.upper)
    return {
        "mse": mean_squared_error(model.impute(holed), rows, holed),
        "log_likelihood": float(model.score(holed)),
        "coverage": float(np.mean(inside[missing])),
        "parameters": int(model.n_parameters_),
        "fit_s": fit_s,
        "status": str(model.status_),
    }


def floor_found(floor: float, rows: np.ndarray, holed: np.ndarray, *, seed: int, n_held: int) -> dict[str, float]:
    """Factor analysis with that noise floor: on the missing cells, and on observed cells that were held out from other fits.

    The latter, log p(held cells given the other observed ones) and squared error, both per cell and over `n_held` random sets
    of them, need no truth that a user lacks.
    """

    def fitted(table: np.ndarray) -> FactorAnalysis:
        return FactorAnalysis(FLOORS_LATENT_DIM, noise_floor=floor, random_state=seed).fit(table)

    model = fitted(holed)
    log_densities, errors = [], []
    for held_seed in range(n_held):
        held = (np.random.default_rng(held_seed).random(holed.shape) < HELD_SHARE) & ~np.isnan(holed)
        rest = np.where(held, np.nan, holed)
        other = fitted(rest)
        log_densities.append((other.score(holed) - other.score(rest)) * len(holed) / held.sum())
        errors.append(np.mean((other.impute(rest) - holed)[held] ** 2))
    return {
        "noise_floor": floor,
        "held_log_density": float(np.mean(log_densities)),
        "held_mse": float(np.mean(errors)),
        "mse": mean_squared_error(model.impute(holed), rows, holed),
        "log_likelihood": float(model.score(holed)),
    }


def floors_text(floors: list[dict[str, float]], *, n_held: int) -> list[str]:
    """Text on the noise floors."""
    columns = {
        "noise_floor": "g",
        "held_log_density": ".4f",
        "held_mse": ".4f",
        "mse": ".4f",
        "log_likelihood": ".4f",
    }
    by_error = min(floors, key=lambda found: found["held_mse"])
    by_density = max(floors, key=lambda found: found["held_log_density"])
    return [
        f"FactorAnalysis({FLOORS_LATENT_DIM}) by `noise_floor`. With half of the cells missing the maximum of the likelihood "
        "gives some columns next to no noise, which costs imputation. `held_…`: of a tenth of the observed cells, held out from "
        f"further fits, mean of {n_held} random tenths; with them a user can choose without the truth. By squared error they "
        f"choose {by_error['noise_floor']:g}, which gives the missing cells {by_error['mse']:.4f}; by log density "
        f"{by_density['noise_floor']:g}, which gives {by_density['mse']:.4f}.",
        table(tuple(columns), [[format(found[column], form) for column, form in columns.items()] for found in floors]),
    ]


def recipe(options: Namespace) -> tuple[dict[str, Any], list[str], dict[str, str]]:
    """Numbers, text and versions of the recipe."""
    rows, holed = breast_cancer()
    imputers = {
        "mean of the column": SimpleImputer(),
        "scikit-learn KNNImputer": KNNImputer(),
        "scikit-learn IterativeImputer": IterativeImputer(random_state=options.seed),
    }
    found: dict[str, dict[str, Any]] = {}
    for name, imputer in imputers.items():
        start = time.perf_counter()
        filled = imputer.fit_transform(holed)
        found[name] = {"mse": mean_squared_error(filled, rows, holed), "fit_s": time.perf_counter() - start}
    for name in PEERS if options.peers else ():
        side = peer_side(name, options.peers_python, f"--latents={PEERS_LATENT_DIM}", "--data=breast_cancer")
        run = run_side(side, threads=options.threads)
        found[f"{name}, {PEERS_LATENT_DIM} latents"] = {
            "mse": run["mse"],
            "log_likelihood": run["log_likelihood"],
            "fit_s": run["first_fit_s"],
            "versions": run["versions"],
        }
    for name, model in models(options.seed, quick=options.quick).items():
        found[name] = filled_by(model, rows, holed)
        print(name, found[name], file=sys.stderr, flush=True)

    n_held = 1 if options.quick else N_HELD
    floors = [
        floor_found(floor, rows, holed, seed=options.seed, n_held=n_held)
        for floor in (FLOORS[::3] if options.quick else FLOORS)
    ]

    def cell(entry: dict[str, Any], column: str, form: str) -> str:
        return format(entry[column], form) if column in entry else ""

    columns = {"mse": ".4f", "log_likelihood": ".4f", "coverage": ".3f", "parameters": "d", "fit_s": ".2f"}
    table_rows = [
        [name, *(cell(entry, *column) for column in columns.items()), cell(entry, "status", "").split(":")[0]]
        for name, entry in found.items()
    ]
    text = [
        f"{rows.shape[0]} × {rows.shape[1]}. `coverage` is the share of the missing cells inside their "
        f"{COVERAGE:.0%} intervals, which take the fitted parameters for known. Times are single fits in one process and "
        f"hold compilation. Mixtures: the best of {N_STARTS} starts, own diagonal noise. The likelihood of factor "
        "analysis and of mixtures grows where a noise variance shrinks: their statuses say where one was held at its floor.",
        table(("model", *columns, "status"), table_rows),
        PUBLISHED,
        *floors_text(floors, n_held=n_held),
    ]
    peers = next((entry["versions"] for entry in found.values() if "versions" in entry), {})
    own = versions("lowerbound", "jax", "scikit-learn", "numpy")
    return (
        {"models": found, "floors": floors},
        text,
        own | {name: number for name, number in peers.items() if name not in own},
    )


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        "--peers-python", default=".venv-peers/bin/python", help="interpreter of the peers' environment"
    )
    parser.add_argument("--peers", action=BooleanOptionalAction, default=True, help="run the peers of that environment")
    parser.add_argument("--threads", type=int, default=2, help="of the peers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a look: one mixture, three noise floors")
    options = parser.parse_args()
    about, start = machine(), time.perf_counter()
    numbers, text, used = recipe(options)
    result = header("missing_values_quick" if options.quick else "missing_values", versions=used, machine=about) | {
        "seed": options.seed,
        "seconds": time.perf_counter() - start,
        **numbers,
    }
    write(result, [__doc__.strip(), *text])


if __name__ == "__main__":
    main()
