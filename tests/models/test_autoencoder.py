"""The autoencoder against matrices written out."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.gaussian import FixedScaleGaussian
from lowerbound.models.autoencoder import Autoencoder
from lowerbound.models.decoder import Decoder
from lowerbound.nn.mlp import MLP


def linear_autoencoder():
    encoder = MLP(4, 2, hidden=(), activation="relu", key=jax.random.key(0))
    decoder = MLP(2, 4, hidden=(), activation="relu", key=jax.random.key(1))
    return Autoencoder(encoder, Decoder(decoder, (1, 4)), FixedScaleGaussian(1.0), 2, with_mask=False)


def test_a_linear_autoencoder_is_a_product_of_matrices():
    model = linear_autoencoder()
    U, W = model.encoder.layers[0].weight, model.decoder.network.layers[0].weight
    x = jnp.array([1.0, -2.0, 0.5, 3.0])
    np.testing.assert_allclose(model.decode(model.encode(Datum(x))), W @ (U @ x), rtol=1e-5)


def test_the_log_likelihood_is_minus_half_the_squared_error():
    model, z = linear_autoencoder(), jnp.array([0.3, -1.0])
    x, observed = np.array([1.0, -2.0, 0.0, 3.0]), np.array([True, True, False, True])
    expected = norm(np.asarray(model.decode(z)), 1).logpdf(x)[observed].sum()
    datum = Datum(jnp.asarray(x), jnp.asarray(observed))
    np.testing.assert_allclose(model.log_likelihood(datum, z), expected, rtol=1e-5)
