"""Saving of models that are not made of this library's own networks, and of estimators with more pytrees than one.

Ground truth: the estimator that was saved, to the last bit.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound
from lowerbound import VAE
from lowerbound.interface.base import LatentVariableEstimator
from lowerbound.interface.saving import SavableEstimator
from lowerbound.models.decoder import Decoder
from lowerbound.models.vae import VAE as VAEModel
from lowerbound.persist import SavedModelError, read_folder
from lowerbound.posteriors.encoder import GaussianEncoder
from lowerbound.priors.standard_normal import StandardNormal

pytestmark = pytest.mark.filterwarnings("ignore::lowerbound.evaluate.evidence.EvidenceWarning")  # fits of an epoch

X = np.random.default_rng(0).normal(size=(40, 3)) @ np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0], [0.0, 0.0, 0.1]])


class Noisy(eqx.Module):
    """A network of Equinox's own (its activations are leaves), with a key, whole numbers and a number beside it."""

    network: eqx.nn.MLP
    key: jax.Array
    order: np.ndarray
    offset: float

    def __call__(self, x):
        return self.network(x)[self.order] + self.offset * jax.random.normal(self.key)


class EquinoxVAE(VAE):
    """VAE of Equinox's networks."""

    def _skeleton(self, *, key) -> VAEModel:
        encoder_key, decoder_key = jax.random.split(key)
        likelihood, size = self._untrained_likelihood(), self.n_features_in_
        network = eqx.nn.MLP(size, 4, width_size=8, depth=1, activation=jax.nn.relu, key=encoder_key)
        return VAEModel(
            prior=StandardNormal(2),
            encoder=GaussianEncoder(
                Noisy(network, jax.random.key(3), np.arange(4)[::-1].copy(), 0.25), 2, "diagonal", False
            ),
            decoder=Decoder(eqx.nn.MLP(2, size, width_size=8, depth=2, key=decoder_key), (1, size)),
            likelihood=likelihood,
        )


def made(**options):
    return EquinoxVAE(**{"latent_dim": 2, "max_epochs": 2, "random_state": 0} | options)


def assert_same(one, other):
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    np.testing.assert_array_equal(one.score_samples(X), other.score_samples(X))
    np.testing.assert_array_equal(one.sample(5), other.sample(5))
    assert one.n_parameters_ == other.n_parameters_


def test_equinox_networks_fit_score_save_and_load(tmp_path):
    vae = made().fit(X)
    assert vae.n_parameters_ == (3 * 8 + 8) + (8 * 4 + 4) + (2 * 8 + 8) + (8 * 8 + 8) + (8 * 3 + 3) + 3
    assert np.isfinite(vae.score(X))
    vae.save(tmp_path / "model")
    loaded = lowerbound.load(tmp_path / "model", classes=[EquinoxVAE])
    assert loaded.model_.encoder.network.network.activation is jax.nn.relu
    assert_same(vae, loaded)
    loaded.save(tmp_path / "again")
    assert_same(vae, lowerbound.load(tmp_path / "again", classes=[EquinoxVAE]))


class Row(NamedTuple):
    """What is kept of a row."""

    mean: jax.Array
    log_scale: jax.Array


class Kept(SavableEstimator):
    """An estimator that learns nothing."""

    def fit(self, X, y=None):
        self.n_rows_ = len(X)
        return self


class Scaled(eqx.Module):
    """A network with four numbers beside it, of which two are constants."""

    network: eqx.nn.MLP
    of_jax: jax.Array
    of_numpy: np.ndarray
    whole: np.ndarray
    static: tuple[float, ...] = eqx.field(static=True)

    def __call__(self, x):
        return self.network(x) * self.of_jax * self.of_numpy * self.whole.astype(np.float32) * jnp.asarray(self.static)


class ScaledVAE(EquinoxVAE):
    """VAE with constants."""

    def _skeleton(self, *, key) -> VAEModel:
        model = super()._skeleton(key=key)
        ones = np.ones(3, np.float32)
        scaled = Scaled(model.decoder.network, jnp.asarray(ones), ones, np.full(3, 2), (1.0, 1.0, 1.0))
        return eqx.tree_at(lambda model: model.decoder.network, model, scaled)


def test_every_inexact_array_is_trained_and_counted_and_nothing_else(tmp_path):
    plain, vae = made().fit(X), ScaledVAE(latent_dim=2, max_epochs=2, random_state=0).fit(X)
    assert vae.n_parameters_ == plain.n_parameters_ + 6
    network = vae.model_.decoder.network
    assert (network.of_jax != 1).any()
    assert (network.of_numpy != 1).any()
    np.testing.assert_array_equal(network.whole, 2)
    assert network.static == (1.0, 1.0, 1.0)
    vae.save(tmp_path / "model")
    assert_same(vae, lowerbound.load(tmp_path / "model", classes=[ScaledVAE]))


@pytest.mark.parametrize("generator", ["threefry2x32", "rbg"])
def test_random_keys_come_back(generator, tmp_path):
    class Keyed(Kept):
        def _skeletons(self):
            return {"key_": lambda *, key: jax.random.key(0, impl=generator)}

    keyed = Keyed().fit(X)
    keyed.key_ = jax.random.key(7, impl=generator)
    keyed.save(tmp_path / "model")
    loaded = lowerbound.load(tmp_path / "model", classes=[Keyed])
    assert loaded.key_.dtype == keyed.key_.dtype
    np.testing.assert_array_equal(jax.random.normal(loaded.key_, 3), jax.random.normal(keyed.key_, 3))


class TwoPlayers(EquinoxVAE):
    """Made-up estimator with two networks, and state of its own for each row, or none."""

    def __init__(self, latent_dim=2, max_epochs=1, random_state=0, keep=True):
        super().__init__(latent_dim, max_epochs=max_epochs, random_state=random_state)
        self.keep = keep

    def fit(self, X, y=None):
        super().fit(X)
        self.n_rows_ = len(X)
        self.critic_ = jax.tree.map(
            lambda leaf: leaf + 1 if eqx.is_array(leaf) else leaf, self._critic(key=jax.random.key(1))
        )
        rows = Row(jnp.asarray(X[:, :2], jnp.float32), np.arange(2.0 * len(X)).reshape(-1, 2))
        self.local_ = {"rows": rows, "count": jnp.arange(3)} if self.keep else None
        return self

    def _critic(self, *, key):
        return eqx.nn.MLP(2, "scalar", width_size=4, depth=1, key=key)

    def _local(self, *, key):
        n_latents = self.model_.latent_dim  # a pytree that is named before
        rows = Row(jnp.zeros((self.n_rows_, n_latents), jnp.float32), np.zeros((self.n_rows_, n_latents)))
        return {"rows": rows, "count": jnp.zeros(3, jnp.int32)}

    def _skeletons(self):
        return {**super()._skeletons(), "critic_": self._critic, "local_": self._local}


@pytest.mark.parametrize("keep", [True, False])
def test_an_estimator_saves_every_pytree_that_has_a_skeleton(keep, tmp_path):
    saved = TwoPlayers(keep=keep).fit(X)
    saved.save(tmp_path / "model")
    loaded = lowerbound.load(tmp_path / "model", classes=[TwoPlayers])
    assert_same(saved, loaded)
    np.testing.assert_array_equal(loaded.critic_(jnp.ones(2)), saved.critic_(jnp.ones(2)))
    assert jax.tree.structure(loaded.local_) == jax.tree.structure(saved.local_)
    for one, other in zip(jax.tree.leaves(loaded.local_), jax.tree.leaves(saved.local_), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_kept_rows_of_another_number_are_refused(tmp_path):
    saved = TwoPlayers().fit(X)
    saved.n_rows_ = 7
    saved.save(tmp_path / "model")
    with pytest.raises(
        SavedModelError, match=r"array local_/\['rows'\]\.mean should be float32\[7, 2\] but is float32\[40, 2\]"
    ):
        lowerbound.load(tmp_path / "model", classes=[TwoPlayers])


@pytest.mark.parametrize(
    "tree", [Row(jnp.ones(1), jnp.ones(1)), {"a": (jnp.ones(2),)}, eqx.nn.MLP(1, 1, 1, 1, key=jax.random.key(0))]
)
def test_a_pytree_without_a_skeleton_is_refused_before_anything_is_written(tree, tmp_path):
    kept = Kept().fit(X)
    kept.tree_ = tree
    with pytest.raises(SavedModelError, match=r"^tree_ of Kept must be "):
        kept.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_an_estimator_names_its_model_unless_it_says_more(tmp_path):
    vae = VAE(hidden=(4,), max_epochs=1, random_state=0).fit(X)
    assert isinstance(vae, LatentVariableEstimator)
    assert list(vae._skeletons()) == ["model_"]
    vae.save(tmp_path / "model")
    kinds = {name: saved["kind"] for name, saved in read_folder(tmp_path / "model")[0]["fitted"].items()}
    assert [name for name, kind in kinds.items() if kind == "pytree"] == ["model_"]
    assert kinds["history_"] == "named arrays"
