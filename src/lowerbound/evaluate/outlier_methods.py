"""Names of the outlier scores, apart from their computation so that the command line can name them without loading JAX."""

from typing import Final, Literal, get_args

OutlierMethod = Literal["kl", "log_evidence", "elbo", "reconstruction"]
"""What is scored: see ``lowerbound.evaluate.outliers``."""

METHODS: Final[tuple[OutlierMethod, ...]] = get_args(OutlierMethod)
