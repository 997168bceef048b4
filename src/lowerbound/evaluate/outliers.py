r"""Outlier scores: larger is more outlying, always; four of them, in nats.

===============  ===================================  ===================================================================
method           score of x                           finds rows that …
===============  ===================================  ===================================================================
kl               KL(q(z given x) || p(z))             need an unusual code: far from the prior, or very sure
log_evidence     -log p(x), exact or sampled          have low density, for whichever reason
elbo             -ELBO(x)                             the same, through the bound (cheaper, pessimistic for hard rows)
reconstruction   -log p(x given z), z the code of x   the decoder cannot reproduce
===============  ===================================  ===================================================================

A deterministic autoencoder has the last one only.
"""

import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.evaluate.importance_sampling import elbo, log_evidence
from lowerbound.evaluate.outlier_methods import METHODS as METHODS
from lowerbound.evaluate.outlier_methods import OutlierMethod as OutlierMethod
from lowerbound.evaluate.reconstruction import log_likelihood_at_code
from lowerbound.evaluate.rows import map_rows
from lowerbound.models.model import AbstractDensityModel, AbstractModel


def _kl(model: AbstractDensityModel, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, ""]:
    return model.elbo_terms(datum, key=key).kl.sum()


def outlier_scores(
    model: AbstractModel, dataset: Dataset, *, method: OutlierMethod, n_samples: int, key: PRNGKeyArray
) -> Float[np.ndarray, " n"]:
    """The score of each row by the named method, in nats; larger is more outlying.

    Parameters
    ----------
    model, dataset
        The fitted model and the rows; all methods but "reconstruction" need a model whose posterior has a density.
    method
        One of the module's table.
    n_samples
        Draws per row for "log_evidence" and "elbo".
    key
        Base of the rows' randomness.
    """
    if method == "reconstruction":
        return -log_likelihood_at_code(model, dataset, key=key)
    if not isinstance(model, AbstractDensityModel):
        raise ValueError(
            f"method of {type(model).__name__} must be 'reconstruction', since its encoder has no density; got {method!r}."
        )
    if method == "kl":
        return map_rows(_kl, model, dataset, key=key)
    if method == "elbo":
        return -elbo(model, dataset, n_samples=n_samples, key=key)
    return -log_evidence(model, dataset, n_samples=n_samples, key=key, base_measure="", warn=False).per_row
