"""Held-out log p(x) of exactly solvable models on dequantized MNIST pixels, and pictures of what a mixture draws.

Grey levels 0 … 255 plus uniform noise, in the columns that vary in the training rows; the same columns, and the same noise
in the test rows, for every model. Values are densities on grey level plus noise, in nats per row; differences are paired by
row. A column that is nearly always black has next to no spread but that of the noise, so that one pixel of ink there can
cost a model with a variance for every column thousands of nats: the median over the rows stands beside the mean.
"""

import argparse
import sys
import time
from typing import Any

import numpy as np
from harness import HERE, header, machine, table, write

sys.path.insert(0, str(HERE / "sides"))

from common import IMAGE_SIDE, N_FEATURES, mnist_path, peak_rss_mib, strided, versions
from PIL import Image

from lowerbound import PPCA, MixtureOfFactorAnalyzers, compare

SHEET_SIDE = 10
GAP = 2
WHITE = 255


def mnist(n_train: int, n_test: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training and test rows, uint8, in the columns that vary in the training rows; and the mask of these, (784,)."""
    with np.load(mnist_path(), allow_pickle=False) as data:
        train, test = (data[name].reshape(-1, N_FEATURES) for name in ("x_train", "x_test"))
    train, test = strided(train, n_train), strided(test, n_test)
    varies = train.min(axis=0) < train.max(axis=0)
    return train[:, varies], test[:, varies], varies


def models(options: argparse.Namespace) -> dict[str, Any]:
    """Unfitted models by name; the first is the one whose samples are drawn."""
    common = {"dequantize": True, "random_state": options.seed}
    mixture = {"max_iter": options.iterations, **common}
    named: dict[str, Any] = {
        f"mixture of {options.clusters} PPCA, latent_dim={options.latents}": MixtureOfFactorAnalyzers(
            options.clusters, latent_dim=options.latents, noise="isotropic", **mixture
        ),
        f"mixture of {options.clusters} diagonal Gaussians": MixtureOfFactorAnalyzers(
            options.clusters, latent_dim=0, noise="diagonal", **mixture
        ),
    }
    return named | {f"PPCA, latent_dim={size}": PPCA(size, **common) for size in options.ppca_latents}


def evaluated(model: Any, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """log p(x) of each test row, and the numbers of one model."""
    start = time.perf_counter()
    model.fit(train)
    fit_s = time.perf_counter() - start
    start = time.perf_counter()
    per_row = np.asarray(model.score_samples(test), np.float64)
    return per_row, {
        "log_evidence": float(per_row.mean()),
        "standard_error_rows": float(per_row.std(ddof=1) / np.sqrt(len(per_row))),
        "median": float(np.median(per_row)),
        "objective": float(model.objective_),
        "parameters": int(model.n_parameters_),
        "iterations": int(model.n_iter_),
        "fit_s": fit_s,
        "score_s": time.perf_counter() - start,
        "status": str(model.status_),
    }


def paired(own: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Mean difference over the rows with its standard error, its median, and how often it is positive."""
    difference = own - other
    return {
        "difference": float(difference.mean()),
        "standard_error": float(difference.std(ddof=1) / np.sqrt(len(difference))),
        "median": float(np.median(difference)),
        "share_positive": float(np.mean(difference > 0)),
    }


def sheet(rows: np.ndarray, varies: np.ndarray) -> np.ndarray:
    """Rows as images on one sheet, 10 a line: grey levels clipped to 0 … 255, uint8; columns that do not vary stay black."""
    images = np.zeros((len(rows), N_FEATURES))
    images[:, varies] = np.clip(rows, 0, WHITE)
    framed = np.pad(images.reshape(-1, IMAGE_SIDE, IMAGE_SIDE), ((0, 0), (GAP, 0), (GAP, 0)), constant_values=WHITE / 2)
    lines = [np.hstack(list(framed[start : start + SHEET_SIDE])) for start in range(0, len(framed), SHEET_SIDE)]
    return np.round(np.vstack(lines)).astype(np.uint8)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--clusters", type=int, default=50)
    parser.add_argument("--latents", type=int, default=6, help="of each analyzer of the mixture")
    parser.add_argument("--ppca-latents", type=int, nargs="+", default=[50, 300])
    parser.add_argument("--iterations", type=int, default=30, help="of expectation maximization, at most")
    parser.add_argument("--rows", type=int, default=60_000, help="training rows, taken by stride")
    parser.add_argument("--test-rows", type=int, default=10_000, help="taken by stride")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--quick", action="store_true", help="a look: 2000 training rows, 500 test rows, 5 clusters, 5 iterations"
    )
    options = parser.parse_args()
    if options.quick:
        options.rows, options.test_rows, options.clusters, options.iterations = 2000, 500, 5, 5
        options.ppca_latents = [20]
    return options


def main() -> None:
    options = parse()
    about = machine()
    train, test, varies = mnist(options.rows, options.test_rows)
    fits, per_row, numbers = models(options), {}, {}
    for name, model in fits.items():
        per_row[name], numbers[name] = evaluated(model, train, test)
        print(name, numbers[name], file=sys.stderr, flush=True)
    first = next(iter(fits))
    differences = {name: paired(per_row[first], values) for name, values in per_row.items() if name != first}
    compared = str(compare(fits, test))

    name = "mnist_mixture_quick" if options.quick else "mnist_mixture"
    picture = f"{name}_samples.png"
    drawn, latents = fits[first].sample(SHEET_SIDE**2, random_state=options.seed, return_latents=True)
    sheets = [sheet(rows, varies) for rows in (drawn, fits[first].inverse_transform(latents))]
    (HERE / "results").mkdir(exist_ok=True)
    Image.fromarray(np.hstack(sheets)).save(HERE / "results" / picture, optimize=True)

    result = header(name, versions=versions("lowerbound", "jax", "numpy"), machine=about) | {
        "arguments": vars(options),
        "columns": int(varies.sum()),
        "models": numbers,
        "differences": differences,
        "peak_rss_mib": peak_rss_mib(),
    }
    rows = [
        [
            name,
            f"{found['log_evidence']:.2f} ± {found['standard_error_rows']:.2f}",
            f"{found['median']:.2f}",
            f"{-found['objective']:.2f}",
            found["parameters"],
            found["iterations"],
            f"{found['fit_s']:.1f}",
            f"{found['score_s']:.1f}",
        ]
        for name, found in numbers.items()
    ]
    against = [
        [
            name,
            f"{found['difference']:.2f} ± {found['standard_error']:.2f}",
            f"{found['median']:.2f}",
            f"{found['share_positive']:.1%}",
        ]
        for name, found in differences.items()
    ]
    columns = ("log p(x), test", "median", "training", "parameters", "iterations", "fit_s", "score_s")
    statuses = "\n".join(f"- {name}: {found['status']}" for name, found in numbers.items())
    write(
        result,
        [
            f"{__doc__.strip()}\n\nHere {len(train)} training rows, {len(test)} test rows, {varies.sum()} of {N_FEATURES} "
            "columns. ± is one standard error over the test rows. Times are single fits in one process, compilation included.",
            table(("model", *columns), rows),
            f"{first[0].upper()}{first[1:]}, less the other, on the same test rows:",
            table(("other", "mean difference", "median", "rows where it is positive"), against),
            "`lowerbound.compare` of the same models on the same rows:",
            f"```\n{compared}\n```",
            f"![100 samples, with and without noise]({picture})",
            f"100 samples x of the {first}, and E[x given their cluster and factors], which has no noise; clipped to 0 … 255, "
            "not chosen.",
            f"Statuses:\n\n{statuses}",
        ],
    )


if __name__ == "__main__":
    main()
