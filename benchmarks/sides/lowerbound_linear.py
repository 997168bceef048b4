"""Side: factor analysis or PPCA of lowerbound."""

import time

from common import emit, versions
from fits import timed
from linear import Parameters, arguments, factor_data, mean_log_likelihood


def main() -> None:
    options = arguments(__doc__)
    rows, _ = factor_data(options.rows, options.features, options.latents, seed=options.seed)
    start = time.perf_counter()
    from lowerbound import PPCA, FactorAnalysis

    import_s = time.perf_counter() - start
    from lowerbound_network import device

    estimator = {"factor_analysis": FactorAnalysis, "ppca": PPCA}[options.model]
    model, seconds = timed(lambda: estimator(options.latents, random_state=options.seed).fit(rows), n_fits=options.fits)
    fitted = Parameters.of(model.mean_, model.loadings_, model.noise_variance_)
    emit(
        seconds
        | {
            "import_s": import_s,
            "log_likelihood": mean_log_likelihood(rows, fitted),
            "own_score": float(model.score(rows)),
            "n_iter": int(model.n_iter_),
            "status": model.status_.code,
            **device(),
            "versions": versions("lowerbound", "jax", "numpy"),
        }
    )


if __name__ == "__main__":
    main()
