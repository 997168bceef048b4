"""What AbstractExactModel promises, of every model that keeps it: against marginals and conditionals by SciPy's matrices."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.data.datum import Datum
from tests.gaussians import factor_analyzer, full_gaussian, mixture, random_patterns, textbook

CASES = {
    "diagonal": factor_analyzer(),
    "isotropic": factor_analyzer(noise="isotropic", seed=1),
    "no factors": factor_analyzer(latent_dim=0, seed=3),
    "full": full_gaussian(seed=5),
    "mixture": mixture(seed=1),
    "mixture, no factors": mixture(latent_dim=0, seed=3),
    "mixture, full": mixture(noise="full", seed=4),
}
N_ROWS, N_DRAWS, LOG_DETERMINANT = 12, 2000, -1.25

every_model = pytest.mark.parametrize("name", CASES)


@eqx.filter_jit
def answers(model, values, observed, keys):
    """What the model says of each row."""

    def one(x, seen):
        datum = Datum(x, seen, log_determinant=LOG_DETERMINANT)

        def for_key(key):
            draw = model.draw(datum, key=key)
            return {
                "draws": draw,
                "log_weight": draw.log_weight,
                "log_joint": model.log_joint(datum, draw.z),
                "log_likelihood": model.log_likelihood(datum, draw.z),
                "terms": model.elbo_terms(datum, key=key),
                "completed": model.complete(datum, key=key),
            }

        return jax.vmap(for_key)(keys) | {
            "log_evidence": model.log_evidence(datum),
            "code": model.encode(datum),
            "predictive": model.predictive(datum),
        }

    return jax.vmap(one)(values, observed)


@cache
def found(name):
    """Rows, what was observed of them, the textbook, and the answers in NumPy."""
    truth, observed = textbook(CASES[name]), random_patterns(N_ROWS, 5, seed=len(name))
    X = truth.sample(N_ROWS, seed=0)[0] * 1.3
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(0), N_DRAWS)
        said = answers(CASES[name], np.where(observed, X, 7.0), observed, keys)
        return X, observed, truth, jax.tree.map(np.asarray, said)


@every_model
def test_the_evidence_is_the_marginal_of_the_observed_cells(name):
    X, observed, truth, said = found(name)
    expected = truth.log_evidence(X, observed) + LOG_DETERMINANT
    np.testing.assert_allclose(said["log_evidence"], expected, rtol=0, atol=1e-9)
    assert abs(said["log_evidence"][1] - LOG_DETERMINANT) < 1e-12  # nothing was observed there
    assert said["log_evidence"].dtype == np.float64


@every_model
def test_every_single_draw_gives_the_evidence(name):
    _, _, _, said = found(name)
    np.testing.assert_allclose(said["log_weight"], np.tile(said["log_evidence"][:, None], N_DRAWS), atol=1e-9)
    np.testing.assert_allclose(said["log_joint"], said["draws"].log_prior + said["draws"].log_likelihood, atol=1e-9)
    np.testing.assert_allclose(said["log_likelihood"], said["draws"].log_likelihood, atol=1e-9)
    if CASES[name].latent_dim:
        assert np.ptp(said["draws"].z, axis=1).max() > 0  # there are many z


@every_model
def test_codes_are_the_mean_of_draws(name):
    _, _, _, said = found(name)
    z = said["draws"].z
    error = np.sqrt(np.maximum(z.var(axis=1), 1e-30) / N_DRAWS)
    rare = np.abs(z.mean(axis=1) - said["code"]) < 10 / N_DRAWS  # a cluster that no draw, or one or two, came from
    assert (rare | (np.abs(z.mean(axis=1) - said["code"]) < 5 * error)).all()


@every_model
def test_elbo_terms_average_to_the_evidence(name):
    _, _, _, said = found(name)
    terms = said["terms"]
    bounds = terms.log_likelihood - terms.kl.sum(axis=-1)
    error = bounds.std(axis=1) / np.sqrt(N_DRAWS)
    assert (np.abs(bounds.mean(axis=1) - said["log_evidence"]) < 5 * error + 1e-9).all()
    # The divergence is exact, and the same for every key.
    divergence = terms.kl.sum(axis=-1)
    np.testing.assert_allclose(divergence, np.tile(divergence[:, :1], N_DRAWS), atol=1e-12)
    assert abs(divergence[1, 0]) < 1e-12  # nothing observed: the posterior is the prior


@every_model
def test_missing_cells_are_predicted_by_the_conditional(name):
    X, observed, truth, said = found(name)
    predictive = said["predictive"]
    for i, (x, seen) in enumerate(zip(X, observed, strict=True)):
        np.testing.assert_allclose(np.exp(predictive.log_weight[i]), truth.responsibility(x, seen), atol=1e-9)
        for k in range(len(truth.weight)):
            mean, covariance = truth.conditional(x, seen, k)
            np.testing.assert_allclose(predictive.mean[i, k, ~seen], mean, atol=1e-9)
            np.testing.assert_allclose(predictive.variance[i, k, ~seen], np.diag(covariance), atol=1e-9)


@every_model
def test_completions_are_joint_draws_from_the_conditional(name):
    X, observed, truth, said = found(name)
    for x, seen, drawn in zip(X, observed, said["completed"], strict=True):
        np.testing.assert_array_equal(drawn[:, seen], np.tile(x[seen], (N_DRAWS, 1)))
        if seen.all():
            continue
        mean, covariance = truth.moments_of_missing(x, seen)
        centred = drawn[:, ~seen] - mean
        assert np.abs(centred.mean(axis=0) / np.sqrt(np.diag(covariance) / N_DRAWS)).max() < 4.7
        products = centred[:, :, None] * centred[:, None, :]
        error = products.std(axis=0) / np.sqrt(N_DRAWS)
        assert np.abs((products.mean(axis=0) - covariance) / error).max() < 5


@every_model
def test_samples_have_the_moments_of_the_marginal(name):
    model, truth, n = CASES[name], textbook(CASES[name]), 20_000
    with jax.enable_x64(True):
        x, z = eqx.filter_jit(lambda model, keys: jax.vmap(lambda key: model.sample(key=key))(keys))(
            model, jax.random.split(jax.random.key(1), n)
        )
        x, z = np.asarray(x), np.asarray(z)
    assert x.dtype == z.dtype == np.float64
    assert z.shape == (n, model.latent_dim)
    mean, covariance = truth.moments_of_missing(np.zeros(5), np.zeros(5, bool))
    centred = x - mean
    assert np.abs(centred.mean(axis=0) / np.sqrt(np.diag(covariance) / n)).max() < 4.7
    products = centred[:, :, None] * centred[:, None, :]
    assert np.abs((products.mean(axis=0) - covariance) / (products.std(axis=0) / np.sqrt(n))).max() < 5


# What must not show


@eqx.filter_jit
def verdicts(model, datum):
    """All that a model says of one datum, for one key."""
    key = jax.random.key(3)
    return {
        "log_evidence": model.log_evidence(datum),
        "code": model.encode(datum),
        "decoded": model.decode(model.encode(datum)),
        "draw": model.draw(datum, key=key),
        "terms": model.elbo_terms(datum, key=key),
        "predictive": model.predictive(datum),
        "completed": model.complete(datum, key=key),
    }


FEW = ("isotropic", "full", "mixture", "mixture, full")


@pytest.mark.parametrize("name", FEW)
def test_what_stands_in_a_missing_cell_does_not_show(name):
    x, seen = np.array([0.3, -1.0, 0.8, 2.0, 0.1]), np.array([True, False, True, True, False])
    with jax.enable_x64(True):
        one, other = (
            verdicts(CASES[name], Datum(jnp.asarray(np.where(seen, x, fill)), jnp.asarray(seen))) for fill in (0.0, 1e6)
        )
        jax.tree.map(np.testing.assert_array_equal, one, other)
        evidence_of = eqx.filter_jit(eqx.filter_grad(lambda x, model: model.log_evidence(Datum(x, jnp.asarray(seen)))))
        gradient = np.asarray(evidence_of(jnp.asarray(x), CASES[name]))
    np.testing.assert_array_equal(gradient[~seen], 0)
    assert np.all(gradient[seen] != 0)


@pytest.mark.parametrize("name", FEW)
def test_no_mask_is_a_mask_of_nothing(name):
    with jax.enable_x64(True):
        x = jnp.array([0.3, -1.0, 0.8, 2.0, 0.1])
        bare, masked = verdicts(CASES[name], Datum(x)), verdicts(CASES[name], Datum(x, jnp.ones(5, bool)))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), bare, masked)
        np.testing.assert_array_equal(bare["completed"], x)


IMAGES = {
    "mixture": (mixture(2, 6), mixture(2, 6, event_shape=(2, 3))),
    "mixture, full": (mixture(2, 6, noise="full"), mixture(2, 6, noise="full", event_shape=(2, 3))),
}


@pytest.mark.parametrize("name", IMAGES)
def test_images_are_rows_in_another_shape(name):
    flat, image = IMAGES[name]
    x, seen = np.linspace(-1, 1, 6), np.array([True, False, True, True, False, True])
    folded = {"predictive": 1, "decoded": 0, "completed": 0}  # where the axes of an event begin
    with jax.enable_x64(True):
        one = verdicts(flat, Datum(jnp.asarray(x), jnp.asarray(seen)))
        other = verdicts(image, Datum(jnp.asarray(x.reshape(2, 3)), jnp.asarray(seen.reshape(2, 3))))
        drawn = image.sample(key=jax.random.key(0))[0], flat.sample(key=jax.random.key(0))[0]
    for verdict in one:
        shapes = [leaf.shape for leaf in jax.tree.leaves(other[verdict])]
        assert verdict not in folded or all(shape[-2:] == (2, 3) for shape in shapes if len(shape) > 1), verdict
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a.reshape(-1), b.reshape(-1), atol=1e-12),
            one[verdict],
            other[verdict],
        )
    assert drawn[0].shape == (2, 3)
    np.testing.assert_array_equal(drawn[0].reshape(-1), drawn[1])


@every_model
def test_the_prior_is_a_part_without_parameters_of_its_own(name):
    # Of codes drawn from q: what the model's draw says of log p(z) is what its prior says.
    _, _, _, said = found(name)
    with jax.enable_x64(True):
        prior = CASES[name].prior
        assert prior.latent_dim == CASES[name].latent_dim
        log_prior = jax.vmap(jax.vmap(prior.log_prob))(said["draws"].z)
        assert prior.sample(key=jax.random.key(0)).dtype == np.float64
        mean, variance = prior.moments()
    np.testing.assert_allclose(said["draws"].log_prior, log_prior, rtol=0, atol=1e-12)
    assert mean.shape == variance.shape == (prior.latent_dim,)
    parameters = jax.tree.leaves(eqx.filter(CASES[name], eqx.is_inexact_array))
    own = [id(leaf) for leaf in jax.tree.leaves(prior)]
    assert set(own) <= {id(leaf) for leaf in parameters}
