"""Side: a package that fits PPCA or factor analysis by maximum likelihood to rows with missing cells.

ppca-py (C++): PPCA. ppca-rs (Rust): PPCA, for a number of iterations that the user names, from a start that no seed
fixes. rustypca (Rust): PPCA, or factor analysis by `noise_type="diagonal"`. ppca-py and rustypca take the mean of each column's
observed cells for mu and do not fit it. Log-likelihoods and imputations are computed from their parameters as for every
other side.
"""

import importlib
import time
from argparse import Namespace
from collections.abc import Callable

import numpy as np
from common import emit, versions
from fits import timed
from linear import Parameters, arguments
from missing import quality, table


def ppca_py(options: Namespace, holed: np.ndarray) -> tuple[Parameters, int]:
    """Parameters and, here unknown, the number of iterations."""
    from ppca import PPCA

    given = {} if options.tol is None else {"rtol": options.tol}
    found = PPCA(options.latents, random_state=options.seed, **given).fit(holed).get_params()
    return Parameters.of(found["mean"], found["components"].T, float(found["noise_variance"])), 0


def ppca_rs(options: Namespace, holed: np.ndarray) -> tuple[Parameters, int]:
    """Parameters and number of iterations."""
    from ppca_rs import Dataset, PPCATrainer

    trainer = PPCATrainer(Dataset(holed))
    found = trainer.train(state_size=options.latents, n_iters=options.iterations, quiet=True)
    return Parameters.of(found.mean, found.transform, found.isotropic_noise**2), options.iterations


def rustypca(noise_type: str) -> Callable[[Namespace, np.ndarray], tuple[Parameters, int]]:
    """The fit with that noise."""

    def fit(options: Namespace, holed: np.ndarray) -> tuple[Parameters, int]:
        from rustypca import PPCA

        given = {} if options.tol is None else {"tol": options.tol, "max_iterations": 10_000}
        found = PPCA(options.latents, noise_type=noise_type, **given).fit(holed)
        return Parameters.of(found.mean_, found.components_.T, found.noise_variances_), found.n_iter_

    return fit


# name -> (module, fit)
MODELS: dict[str, tuple[str, Callable[[Namespace, np.ndarray], tuple[Parameters, int]]]] = {
    "ppca_py": ("ppca", ppca_py),
    "ppca_rs": ("ppca_rs", ppca_rs),
    "rustypca_isotropic": ("rustypca", rustypca("isotropic")),
    "rustypca_diagonal": ("rustypca", rustypca("diagonal")),
}


def main() -> None:
    options = arguments(__doc__)
    rows, holed = table(options)
    module, fit = MODELS[options.model]
    start = time.perf_counter()
    importlib.import_module(module)
    import_s = time.perf_counter() - start
    (parameters, n_iter), seconds = timed(lambda: fit(options, holed), n_fits=options.fits)
    emit(
        seconds
        | quality(parameters, rows, holed)
        | {
            "import_s": import_s,
            "n_iter": n_iter,
            "device": "cpu",
            "versions": versions("ppca-py", "ppca-rs", "rustypca", "numpy"),
        }
    )


if __name__ == "__main__":
    main()
