"""Side: PPCA or factor analysis of lowerbound on rows with missing cells."""

import time

from common import emit, versions
from fits import timed
from linear import Parameters, arguments
from missing import mean_squared_error, quality, table


def main() -> None:
    options = arguments(__doc__)
    rows, holed = table(options)
    start = time.perf_counter()
    from lowerbound import PPCA, FactorAnalysis

    import_s = time.perf_counter() - start
    from lowerbound_network import device

    estimator = {"factor_analysis": FactorAnalysis, "ppca": PPCA}[options.model]
    model, seconds = timed(
        lambda: estimator(options.latents, random_state=options.seed).fit(holed), n_fits=options.fits
    )
    start = time.perf_counter()
    filled = model.impute(holed)
    impute_s = time.perf_counter() - start
    emit(
        seconds
        | quality(Parameters.of(model.mean_, model.loadings_, model.noise_variance_), rows, holed)
        | {
            "import_s": import_s,
            "impute_s": impute_s,
            "own_mse": mean_squared_error(filled, rows, holed),
            "own_score": float(model.score(holed)),
            "n_iter": int(model.n_iter_),
            "status": model.status_.code,
            **device(),
            "versions": versions("lowerbound", "jax", "numpy"),
        }
    )


if __name__ == "__main__":
    main()
