r"""Autoencoder: x ≈ decoder(encoder(x)), least squares: the limit of the VAE whose posterior has no width, s(x) = 0.

    z = m(x),    minimize  \sum_n || x_n - mu(z_n) ||^2                                                          (1)

As a density: p(x given z) = N(mu(z), I) in model units and a flat prior, whose joint density (1) maximizes over encoder and
decoder. A flat prior is improper: the model reconstructs and embeds, but nothing can be sampled from it, and it has no evidence.
Missing cells are left out of (1). With linear maps, mu(m(x)) = W U x spans the principal subspace.

Reference: P. Baldi, K. Hornik, "Neural networks and principal component analysis", 1989.
"""

from collections.abc import Callable

import equinox as eqx
from jaxtyping import Array, Float

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.gaussian import FixedScaleGaussian
from lowerbound.models.decoder import Decoder
from lowerbound.models.model import AbstractModel
from lowerbound.posteriors.encoder import encoder_features


class Autoencoder(AbstractModel):
    """Deterministic encoder and decoder, equation (1)."""

    encoder: Callable[[Float[Array, " features"]], Float[Array, " latent"]]
    decoder: Decoder
    likelihood: FixedScaleGaussian
    code_dim: int = eqx.field(static=True)
    with_mask: bool = eqx.field(static=True)

    @property
    def latent_dim(self) -> int:
        """Dimension of the code."""
        return self.code_dim

    def log_likelihood(self, datum: Datum, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log N(x; mu(z), I): minus half the squared error, plus a constant."""
        return self.likelihood.log_prob(self.decoder(z), datum)

    def encode(self, datum: Datum) -> Float[Array, " latent"]:
        """m(x)."""
        return self.encoder(encoder_features(self.likelihood, datum, with_mask=self.with_mask).reshape(-1))

    def decode(
        self, z: Float[Array, " latent"], condition: Float[Array, " condition"] | None = None
    ) -> Float[Array, "*event"]:
        """mu(z)."""
        return self.likelihood.mean(self.decoder(z))
