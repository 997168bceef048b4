r"""The importance-weighted bound (IWAE): a lower bound on log p(x) that tightens with the number of draws.

    L_k(x) = E_{z_1 … z_k ~ q} [ log (1/k) \sum_i p(x, z_i) / q(z_i given x) ],    ELBO = L_1 <= L_k <= L_{k+1} <= log p(x)

The encoder runs once per datum; only the decoder is run k times (``vmap`` leaves what does not depend on the key unbatched).
The metrics ``log_likelihood`` and ``kl`` are plain means over the k draws; ``bound`` is L_k.

Reference: Y. Burda, R. Grosse, R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016, equation 8.
"""

import math

import equinox as eqx
import jax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lowerbound.data.datum import Datum
from lowerbound.models.model import AbstractDensityModel
from lowerbound.objectives.objective import AbstractObjective, Batch, Metrics


class ImportanceWeighted(AbstractObjective[AbstractDensityModel]):
    """Minus L_k with k = ``n_samples`` >= 1 draws per datum."""

    n_samples: int = eqx.field(static=True)

    def __call__(
        self, model: AbstractDensityModel, batch: Batch, key: PRNGKeyArray, step: Int[Array, ""]
    ) -> tuple[Float[Array, ""], Metrics]:
        """Loss -L_k; metrics bound, log_likelihood, kl in nats per row."""

        def row(datum: Datum, key: PRNGKeyArray) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
            draws = jax.vmap(lambda key: model.draw(datum, key=key))(jax.random.split(key, self.n_samples))
            bound = jax.nn.logsumexp(draws.log_weight) - math.log(self.n_samples)
            return bound, draws.log_likelihood.mean(), (draws.log_posterior - draws.log_prior).mean()

        keys = jax.random.split(key, batch.weight.shape[0])
        bound, log_likelihood, kl = (batch.mean(x) for x in jax.vmap(row)(batch.datums, keys))
        return -bound, {"bound": bound, "log_likelihood": log_likelihood, "kl": kl}
