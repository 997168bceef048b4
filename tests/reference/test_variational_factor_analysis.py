"""The variational view of factor analysis: its bound with one covariance for all rows, maximized by gradient, is its likelihood.

Ground truth: scikit-learn's FactorAnalysis, converged, for the maximum of the likelihood; the exact posterior of the fitted
decoder, by matrices, for the encoder. Bound and likelihood of the fitted model are closed forms: nothing here is sampled.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import FactorAnalysis

from lowerbound.fit.gradient_step import GradientStep
from lowerbound.fit.loop import fit_minibatches
from lowerbound.fit.optimizer import Adam
from lowerbound.likelihoods.gaussian import FeatureScaleGaussian
from lowerbound.models.decoder import Decoder
from lowerbound.models.vae import VAE
from lowerbound.nn.mlp import MLP
from lowerbound.objectives.elbo import ELBO
from lowerbound.posteriors.shared import SharedCovarianceEncoder
from lowerbound.priors.standard_normal import StandardNormal
from tests.linear_gaussian import as_dataset, linear_gaussian, posterior_gap, read_back

N_FEATURES, N_FACTORS, EPOCHS = 6, 2, 2000


@cache
def rows():
    return linear_gaussian(N_FEATURES, N_FACTORS, seed=1).sample(300, seed=2)


@cache
def fitted():
    encoder_key, decoder_key = jax.random.split(jax.random.key(0))
    decoder = MLP(N_FACTORS, N_FEATURES, hidden=(), activation="relu", key=decoder_key)
    model = VAE(
        prior=StandardNormal(N_FACTORS),
        encoder=SharedCovarianceEncoder.untrained(N_FEATURES, N_FACTORS, key=encoder_key),
        decoder=Decoder(decoder, (1, N_FEATURES)),
        likelihood=FeatureScaleGaussian(jnp.zeros(N_FEATURES, jnp.float32)),
    )
    step = GradientStep(ELBO(), Adam(0.05, EPOCHS))
    return fit_minibatches(model, step, as_dataset(rows()), max_epochs=EPOCHS, batch_size=300, seed=0).model


@cache
def gap():
    return posterior_gap(fitted(), rows())


@cache
def factor_analysis():
    return FactorAnalysis(N_FACTORS, tol=1e-10, max_iter=100_000).fit(rows())


def test_the_bound_reaches_the_maximum_of_the_likelihood():
    maximum = factor_analysis().score(rows())
    log_evidence = read_back(fitted()).log_evidence(rows()).mean()
    bound = log_evidence - gap()
    assert bound <= log_evidence <= maximum + 1e-6
    assert bound == pytest.approx(maximum, abs=1e-3)  # nats a row; one factor less costs a hundred times that
    assert FactorAnalysis(N_FACTORS - 1, tol=1e-10).fit(rows()).score(rows()) < maximum - 0.1


def test_its_parameters_are_those_of_factor_analysis():
    found, truth = read_back(fitted()), factor_analysis()
    np.testing.assert_allclose(found.scale**2, truth.noise_variance_, rtol=0.02)
    np.testing.assert_allclose(found.covariance, truth.get_covariance(), rtol=0.02, atol=0.02)
    np.testing.assert_allclose(found.bias, truth.mean_, atol=0.02)


def test_the_encoder_is_the_exact_posterior():
    encoder, exact = fitted().encoder, read_back(fitted())
    np.testing.assert_allclose(encoder.weight, exact.posterior_map(), atol=0.005)
    covariance = encoder.of_features(jnp.zeros(N_FEATURES)).covariance()
    np.testing.assert_allclose(covariance, np.linalg.inv(exact.precision()), atol=0.002)
    np.testing.assert_allclose(encoder.weight @ encoder.center, exact.posterior_map() @ exact.bias, atol=0.02)
    assert gap() < 5e-4  # nats: mean KL(q || exact posterior)
