"""Held-out log p(x) of a VAE on dynamically binarized MNIST, with its error bars.

The protocol is that of the IWAE paper: all 60 000 training rows, binarized anew whenever they come, the
bound on one sample or on five, log p(x) by importance sampling; the network 784-400-400-50 is larger, the
training far shorter. `--network conv` puts two halving layers of 32 and 64 channels and one of 256 units in
the place of the two of 400. Test rows are taken by stride, and both networks see the same bits of them. The
memory is read after the fit, before the evaluation.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from harness import HERE, header, machine, table, write

sys.path.insert(0, str(HERE / "sides"))

from common import mnist_path, peak_rss_mib, strided, versions

from lowerbound import VAE

N_IMPORTANCE_SAMPLES = 5
HIDDEN = {"mlp": (400, 400), "conv": (256,)}
UNRELIABLE_PARETO_K = 0.7


def mnist(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Grey values in [0, 1]: training (60000, 28, 28) and test images (10000, 28, 28), float32."""
    with np.load(path, allow_pickle=False) as data:
        return tuple(data[name].astype(np.float32) / 255 for name in ("x_train", "x_test"))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--objective", choices=["elbo", "importance_weighted"], default="elbo")
    parser.add_argument("--network", choices=list(HIDDEN), default="mlp")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rows", type=int, default=1000, help="test rows, taken by stride")
    parser.add_argument("--samples", type=int, default=5000, help="importance samples a row")
    parser.add_argument("--validation", type=float, default=0.0, help="validation fraction; 0 is the paper's protocol")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    options = parse()
    about = machine()
    train_rows, test_rows = mnist(mnist_path())
    rows = strided(test_rows, options.rows)

    vae = VAE(
        latent_dim=50,
        likelihood="bernoulli",
        binarize="dynamic",
        network=options.network,
        hidden=HIDDEN[options.network],
        channels=(32, 64),
        objective=options.objective,
        n_importance_samples=N_IMPORTANCE_SAMPLES,
        max_epochs=options.epochs,
        validation_fraction=options.validation,
        random_state=options.seed,
    )
    start = time.perf_counter()
    vae.fit(train_rows)
    fit_s = time.perf_counter() - start
    peak = peak_rss_mib()

    start = time.perf_counter()
    evidence = vae.log_evidence(rows, n_samples=options.samples, method="importance_sampling")
    evidence_s = time.perf_counter() - start
    ess, pareto_k = evidence.effective_sample_size, evidence.pareto_k
    elbo = np.asarray(vae.elbo(rows), dtype=np.float64)

    numbers = {
        "log_evidence": float(evidence.value),
        "standard_error_monte_carlo": float(evidence.standard_error),
        "standard_error_rows": float(evidence.sampling_error),
        "elbo": float(elbo.mean()),
        "elbo_standard_error_rows": float(elbo.std(ddof=1) / np.sqrt(len(elbo))),
        "effective_sample_size_median": float(np.median(ess)),
        "effective_sample_size_5_percent": float(np.quantile(ess, 0.05)),
        "pareto_k_median": float(np.median(pareto_k)),
        f"pareto_k_share_above_{UNRELIABLE_PARETO_K}": float(np.mean(pareto_k > UNRELIABLE_PARETO_K)),
        "fit_s": fit_s,
        "evidence_s": evidence_s,
        "peak_rss_mib_of_fit": peak,
        "epochs_run": int(vae.n_iter_),
        "best_epoch": int(vae.best_epoch_),
    }
    bound = "elbo" if options.objective == "elbo" else f"importance_weighted_{N_IMPORTANCE_SAMPLES}"
    held_out = f"_validation_{options.validation}" if options.validation else ""
    network = "" if options.network == "mlp" else f"_{options.network}"
    name = f"mnist_evidence{network}_{bound}_{options.epochs}_epochs{held_out}_seed_{options.seed}"
    result = header(name, versions=versions("lowerbound", "jax", "equinox", "optax", "numpy"), machine=about) | {
        "arguments": vars(options),
        "status": str(vae.status_),
        **numbers,
    }
    write(
        result,
        [
            f"{__doc__.strip()} Here {options.epochs} epochs, {len(rows)} test rows, {options.samples} "
            "samples each. Values are means per row in nats. The Monte Carlo standard error says how far the "
            "estimate is from the log p(x) of these rows; the one over rows, how far these rows may be from "
            "all test rows.",
            table(("quantity", "value"), [(key, f"{value:.6g}") for key, value in numbers.items()]),
            f"Status of the fit: {vae.status_}",
        ],
    )


if __name__ == "__main__":
    main()
