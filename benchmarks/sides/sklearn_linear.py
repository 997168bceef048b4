"""Side: factor analysis by either `svd_method`, or PCA, of scikit-learn."""

from common import emit, versions
from fits import timed
from linear import Parameters, arguments, factor_data, mean_log_likelihood
from sklearn.decomposition import PCA, FactorAnalysis


def parameters(model: FactorAnalysis | PCA) -> Parameters:
    """mu, W and psi; those of PCA by Tipping and Bishop, from its n - 1 covariance."""
    if isinstance(model, FactorAnalysis):
        return Parameters.of(model.mean_, model.components_.T, model.noise_variance_)
    scale = (model.explained_variance_ - model.noise_variance_) ** 0.5
    return Parameters.of(model.mean_, model.components_.T * scale, model.noise_variance_)


def main() -> None:
    options = arguments(__doc__)
    rows, _ = factor_data(options.rows, options.features, options.latents, seed=options.seed)

    def fit() -> FactorAnalysis | PCA:
        if options.model == "pca":
            return PCA(options.latents, svd_solver="covariance_eigh").fit(rows)
        return FactorAnalysis(options.latents, svd_method=options.model, random_state=options.seed).fit(rows)

    model, seconds = timed(fit, n_fits=options.fits)
    iterative = isinstance(model, FactorAnalysis)
    emit(
        seconds
        | {
            "log_likelihood": mean_log_likelihood(rows, parameters(model)),
            "own_score": float(model.score(rows)),
            "n_iter": model.n_iter_ if iterative else 0,
            "status": "" if not iterative else "converged" if model.n_iter_ < model.max_iter else "max_iter",
            "device": "cpu",
            "versions": versions("scikit-learn", "numpy", "scipy"),
        }
    )


if __name__ == "__main__":
    main()
