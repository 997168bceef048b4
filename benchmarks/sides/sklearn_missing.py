"""Side: scikit-learn's `IterativeImputer`, a ridge regression of each column on all others, in rounds.

It has no likelihood. Filling the cells is part of its fit.
"""

import warnings

from common import emit, versions
from fits import timed
from linear import arguments
from missing import mean_squared_error, table
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer as enable_iterative_imputer
from sklearn.impute import IterativeImputer


def main() -> None:
    options = arguments(__doc__)
    rows, holed = table(options)

    def fill() -> tuple[IterativeImputer, object]:
        imputer = IterativeImputer(max_iter=options.iterations, random_state=options.seed)
        return imputer, imputer.fit_transform(holed)

    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # few rounds are meant
        (imputer, filled), seconds = timed(fill, n_fits=options.fits)
    emit(
        seconds
        | {
            "mse": mean_squared_error(filled, rows, holed),
            "n_iter": imputer.n_iter_,
            "device": "cpu",
            "versions": versions("scikit-learn", "numpy"),
        }
    )


if __name__ == "__main__":
    main()
