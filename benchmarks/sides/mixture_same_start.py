"""Side: log-likelihoods that lowerbound and scikit-learn reach from one and the same mixture.

lowerbound is run for one iteration; scikit-learn, without its regularization, starts at the weights, means and
covariances found there and runs the remaining iterations; lowerbound itself is run anew for all of them.
"""

import warnings

import numpy as np
from common import emit, versions
from lowerbound_mixture import covariances
from mixture import arguments, mean_log_likelihood, mixture_data
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from lowerbound import MixtureOfFactorAnalyzers


def main() -> None:
    options = arguments(__doc__)
    rows = mixture_data(options.rows, options.features, options.clusters, seed=options.seed)

    def fitted(n_iterations: int) -> MixtureOfFactorAnalyzers:
        return MixtureOfFactorAnalyzers(
            options.clusters,
            latent_dim=0,
            noise=options.covariance,
            tol=0.0,
            max_iter=n_iterations,
            random_state=options.seed,
        ).fit(rows)

    first, last = fitted(1), fitted(options.iterations)
    found = covariances(first)
    peer = GaussianMixture(
        options.clusters,
        covariance_type={"diagonal": "diag", "full": "full"}[options.covariance],
        tol=0.0,
        reg_covar=0.0,
        max_iter=max(1, options.iterations - 1),
        weights_init=first.weights_,
        means_init=first.means_,
        precisions_init=1 / found if found.ndim == 2 else np.linalg.inv(found),
    )
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # tol = 0 is meant
        peer.fit(rows)
    emit(
        {
            "start": mean_log_likelihood(rows, first.weights_, first.means_, found),
            "lowerbound": mean_log_likelihood(rows, last.weights_, last.means_, covariances(last)),
            "scikit_learn": mean_log_likelihood(rows, peer.weights_, peer.means_, peer.covariances_),
            "versions": versions("lowerbound", "jax", "scikit-learn", "numpy"),
        }
    )


if __name__ == "__main__":
    main()
