"""Side: a Gaussian mixture of lowerbound, all iterations run."""

import time
from typing import Any

import numpy as np
from common import emit, versions
from fits import timed
from mixture import arguments, mean_log_likelihood, mixture_data


def covariances(estimator: Any) -> np.ndarray:
    """Of the components, in the user's units: (clusters, features), or (clusters, features, features) if full."""
    parts, scale = estimator.model_.components, np.asarray(estimator.preprocessing_.scale, np.float64).ravel()
    if estimator.noise == "full":
        cholesky = scale[:, None] * np.asarray(parts.cholesky)
        return cholesky @ np.swapaxes(cholesky, 1, 2)
    return scale**2 * np.broadcast_to(np.exp(np.asarray(parts.log_variance)), estimator.means_.shape)


def main() -> None:
    options = arguments(__doc__)
    rows = mixture_data(options.rows, options.features, options.clusters, seed=options.seed)
    start = time.perf_counter()
    from lowerbound import MixtureOfFactorAnalyzers

    import_s = time.perf_counter() - start
    from lowerbound_network import device

    def fit() -> MixtureOfFactorAnalyzers:
        return MixtureOfFactorAnalyzers(
            options.clusters,
            latent_dim=0,
            noise=options.covariance,
            n_init=options.restarts,
            tol=0.0,
            max_iter=options.iterations,
            random_state=options.seed,
        ).fit(rows)

    model, seconds = timed(fit, n_fits=options.fits)
    emit(
        seconds
        | {
            "import_s": import_s,
            "log_likelihood": mean_log_likelihood(rows, model.weights_, model.means_, covariances(model)),
            "own_score": float(model.score(rows)),
            "n_iter": int(model.n_iter_),
            "status": model.status_.code,
            **device(),
            "versions": versions("lowerbound", "jax", "numpy"),
        }
    )


if __name__ == "__main__":
    main()
