"""A digit that training never saw: ROC-AUC of a VAE's outlier scores on MNIST, each digit held out in turn.

For each digit d a VAE 784-400-400-20 is fitted to dynamically binarized images of the nine other digits, equally
many for every d, and scores test images of all ten; d is the outlier. Beside it stand the squared error of as many
principal components as there are latents, fitted to the grey values of the same rows, and the simplest score of
all, the sum of the grey values, whose area says how much of a result is ink.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args

import jax
import numpy as np
from harness import HERE, header, machine, table, write
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(HERE / "sides"))

from common import mnist_path, strided, versions

from lowerbound import VAE

Method = Literal["kl", "log_evidence", "elbo", "reconstruction"]
METHODS: tuple[Method, ...] = get_args(Method)
BASELINES = ("PCA", "ink")
LATENT_DIM = 20
HIDDEN = (400, 400)
# Without the most frequent digit, the ones, 53 258 training images remain: as many whole batches as fit in them.
TRAINING_ROWS = 416 * 128


@contextmanager
def compilations() -> Iterator[Counter[str]]:
    """Counter of what XLA compiles meanwhile, by the name of the function."""
    found: Counter[str] = Counter()

    def listen(event: str, duration: float, **about: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            found[about.get("fun_name", "unnamed")] += 1

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def images(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Grey values (n, 784), uint8, and digits of the "train" or "test" rows."""
    with np.load(mnist_path(), allow_pickle=False) as data:
        return data[f"x_{name}"].reshape(-1, 784), data[f"y_{name}"]


def scores_of(train: np.ndarray, test: np.ndarray, options: argparse.Namespace) -> tuple[dict[str, np.ndarray], dict]:
    """Scores of the test rows by method and baseline (larger: more outlying), and what the fit and they took."""
    start = time.perf_counter()
    with compilations() as compiled:
        vae = VAE(
            latent_dim=LATENT_DIM,
            likelihood="bernoulli",
            binarize="dynamic",
            hidden=HIDDEN,
            max_epochs=options.epochs,
            validation_fraction=0,
            random_state=options.seed,
        ).fit(train)
        fit_s = time.perf_counter() - start
        scores = {
            "kl": vae.outlier_scores(test, method="kl"),
            "log_evidence": -vae.log_evidence(test, n_samples=options.samples).per_row,
            "elbo": -vae.elbo(test, n_samples=options.samples),
            "reconstruction": vae.outlier_scores(test, method="reconstruction"),
        }
    took = {"fit_s": fit_s, "scores_s": time.perf_counter() - start - fit_s, "compiled": sum(compiled.values())}

    grey, grey_test = train.astype(np.float32) / 255, test.astype(np.float32) / 255
    pca = PCA(LATENT_DIM, svd_solver="covariance_eigh").fit(grey)
    baselines = {
        "PCA": np.sum((grey_test - pca.inverse_transform(pca.transform(grey_test))) ** 2, axis=1),
        "ink": grey_test.sum(axis=1),
    }
    return scores | baselines, took | {"status": str(vae.status_)}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--rows", type=int, default=10000, help="test rows, taken by stride")
    parser.add_argument("--samples", type=int, default=50, help="draws per row of log p(x) and of the ELBO")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a look: digits 0 and 1, 2 epochs, 1000 test rows")
    return parser.parse_args()


def sections(result: dict) -> list[str]:
    """The text of a result."""
    given, runs = result["arguments"], result["runs"]
    columns = (*METHODS, *BASELINES)
    areas = [[digit, *(f"{run['auc'][name]:.3f}" for name in columns)] for digit, run in runs.items()]
    evidence = [
        [digit, *(f"{run[f'log_evidence_{rows}']:.1f}" for rows in ("held_out", "others")), run["held_out_test_rows"]]
        for digit, run in runs.items()
    ]
    return [
        f"{__doc__.strip()} Here {given['epochs']} epochs on {TRAINING_ROWS} rows, {given['rows']} test rows, "
        f"{given['samples']} draws per row for `log_evidence` and `elbo`, one seed. For the VAE each test image is "
        "binarized once, by its key.",
        table(
            ("digit held out", *columns),
            [*areas, ["mean", *(f"**{result['mean_auc'][name]:.3f}**" for name in columns)]],
        ),
        "Mean log p(x) of the test rows, nats: of the digit that was held out, and of the nine others.",
        table(("digit held out", "held out", "others", "test rows held out"), evidence),
        "Functions compiled after the first digit, fits and scores together: "
        f"{result['compiled_after_the_first_digit']}.",
    ]


def main() -> None:
    options = parse()
    about = machine()
    digits = range(10)
    if options.quick:
        options.epochs, options.rows, digits = 2, 1000, range(2)
    (train, train_digits), (test, test_digits) = images("train"), images("test")
    test, test_digits = strided(test, options.rows), strided(test_digits, options.rows)

    runs = {}
    for digit in digits:
        scores, took = scores_of(train[train_digits != digit][:TRAINING_ROWS], test, options)
        held = test_digits == digit
        runs[digit] = took | {
            "held_out_test_rows": int(held.sum()),
            "auc": {name: float(roc_auc_score(held, values)) for name, values in scores.items()},
            "log_evidence_held_out": -float(np.mean(scores["log_evidence"][held])),
            "log_evidence_others": -float(np.mean(scores["log_evidence"][~held])),
        }
        print(f"digit {digit}: {runs[digit]}", file=sys.stderr, flush=True)

    name = "outlier_digits_quick" if options.quick else "outlier_digits"
    result = header(name, versions=versions("lowerbound", "jax", "scikit-learn", "numpy"), machine=about) | {
        "arguments": vars(options),
        "training_rows": TRAINING_ROWS,
        "runs": runs,
        "mean_auc": {
            name: float(np.mean([run["auc"][name] for run in runs.values()])) for name in (*METHODS, *BASELINES)
        },
        "compiled_after_the_first_digit": sum(run["compiled"] for digit, run in runs.items() if digit != digits[0]),
    }
    write(result, sections(result))


if __name__ == "__main__":
    main()
