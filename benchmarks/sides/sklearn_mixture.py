"""Side: a Gaussian mixture of scikit-learn, all iterations run."""

import warnings

from common import emit, versions
from fits import timed
from mixture import arguments, mean_log_likelihood, mixture_data
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture


def main() -> None:
    options = arguments(__doc__)
    rows = mixture_data(options.rows, options.features, options.clusters, seed=options.seed)

    def fit() -> GaussianMixture:
        return GaussianMixture(
            options.clusters,
            covariance_type={"diagonal": "diag", "full": "full"}[options.covariance],
            tol=0.0,
            max_iter=options.iterations,
            init_params="k-means++",
            n_init=options.restarts,
            random_state=options.seed,
        ).fit(rows)

    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # tol = 0 is meant
        model, seconds = timed(fit, n_fits=options.fits)
    emit(
        seconds
        | {
            "log_likelihood": mean_log_likelihood(rows, model.weights_, model.means_, model.covariances_),
            "own_score": float(model.score(rows)),
            "n_iter": model.n_iter_,
            "status": "converged" if model.converged_ else "max_iter",
            "device": "cpu",
            "versions": versions("scikit-learn", "numpy", "scipy"),
        }
    )


if __name__ == "__main__":
    main()
