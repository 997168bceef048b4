"""Held-out ELBO and log p(x) of Gaussian VAEs on the Frey faces, beside AEVB's figure.

Kingma & Welling (2014, figure 2) plot the bound for a decoder N(mu(z), diag sigma^2(z)) with one hidden layer of 200 units, on
pixels scaled to [0, 1]; the split is not described. Their means pass through a sigmoid and they train with Adagrad; here the
means are free and it is Adam, with early stopping on a tenth of the training rows. A density of grey levels taken for reals has
no upper bound, so these are numbers of a protocol, not of a truth: 560 pixels, density in the units of pixels / 255.

Two splits: `random` rows, where nearly every test frame has a neighbour of the film in training, as in the paper as far as one
can tell; and `blocks` of 131 consecutive frames, every fifth held out, which asks for generalization. `conv` has layers of
16 and 32 channels and one of 200 units.
"""

import argparse
import sys
import time

import numpy as np
from harness import HERE, header, machine, table, write

sys.path.insert(0, str(HERE / "sides"))

from common import mnist_path, versions

from lowerbound import VAE

PUBLISHED = {2: 870, 5: 1110, 10: 1310, 20: 1315}  # read off the plot
BLOCK = 131  # frames: 1965 = 15 * 131
NETWORKS = {"mlp": {"hidden": (200,)}, "conv": {"hidden": (200,), "network": "conv", "channels": (16, 32)}}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--epochs", type=int, default=600)
    parser.add_argument("--latents", type=int, nargs="+", default=list(PUBLISHED))
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--splits", nargs="+", choices=["random", "blocks"], default=["random", "blocks"])
    parser.add_argument("--samples", type=int, default=1000, help="importance samples a row")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def held_out(n_rows: int, split: str, seed: int) -> np.ndarray:
    """True for test rows: a fifth of the rows, at random or in blocks of consecutive frames."""
    if split == "blocks":
        return (np.arange(n_rows) // BLOCK) % 5 == 2
    return np.random.default_rng(seed).permutation(n_rows) % 5 == 0


def measure(faces: np.ndarray, latent_dim: int, network: str, split: str, options: argparse.Namespace) -> dict:
    """One fit, held against its test rows."""
    test = held_out(len(faces), split, options.seed)
    vae = VAE(
        latent_dim=latent_dim,
        variance="network",
        activation="tanh",
        max_epochs=options.epochs,
        batch_size=100,
        patience=100,
        max_gradient_norm=1000.0,
        random_state=options.seed,
        **NETWORKS[network],
    )
    start = time.perf_counter()
    vae.fit(faces[~test])
    fit_s = time.perf_counter() - start
    evidence = vae.log_evidence(faces[test], n_samples=options.samples)
    return {
        "split": split,
        "network": network,
        "latent_dim": latent_dim,
        "elbo": float(np.mean(vae.elbo(faces[test]))),
        "elbo_training": float(np.mean(vae.elbo(faces[~test]))),
        "log_evidence": evidence.value,
        "standard_error": evidence.standard_error,
        "sampling_error": evidence.sampling_error,
        "published_elbo": PUBLISHED.get(latent_dim),
        "epochs_run": int(vae.n_iter_),
        "best_epoch": int(vae.best_epoch_),
        "fit_s": fit_s,
        "status": str(vae.status_),
    }


def main() -> None:
    options = parse()
    about = machine()
    with np.load(mnist_path().with_name("frey_faces.npz"), allow_pickle=False) as data:
        faces = data["x"].astype(np.float32) / 255
    runs = []
    for split in options.splits:
        for network in options.networks:
            for latent_dim in options.latents:
                runs.append(measure(faces, latent_dim, network, split, options))
                print(runs[-1], file=sys.stderr, flush=True)
    result = header("frey_evidence", versions=versions("lowerbound", "jax", "equinox", "numpy"), machine=about) | {
        "arguments": vars(options),
        "runs": runs,
    }
    columns = ("split", "network", "latent_dim", "published_elbo", "elbo", "elbo_training", "best_epoch")
    rows = [[run[column] for column in columns] + [_evidence(run)] for run in runs]
    write(result, [__doc__.strip(), table((*columns, "log p(x) ± Monte Carlo (± other rows)"), rows)])


def _evidence(run: dict) -> str:
    return f"{run['log_evidence']:.1f} ± {run['standard_error']:.1f} (± {run['sampling_error']:.0f})"


if __name__ == "__main__":
    main()
