"""Estimators whose models stand on a level that no estimator of this library has: verbs, findings and report follow the level.

The ground truth is the level itself: what it does not declare cannot be computed.
"""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import laplace, norm

from lowerbound import FactorAnalysis
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.findings.clusters import cluster_findings
from lowerbound.findings.columns import moments
from lowerbound.findings.plain import plain_findings
from lowerbound.findings.record import find
from lowerbound.fit.result import FitResult, Status
from lowerbound.interface.base import LatentVariableEstimator
from lowerbound.interface.checks import check_rows
from lowerbound.likelihoods.gaussian import FixedScaleGaussian
from lowerbound.models.autoencoder import Autoencoder
from lowerbound.models.model import AbstractDensityModel, AbstractGenerativeModel, Draw, ElboTerms
from lowerbound.report import write_report
from tests.contracts.polars import Polars
from tests.report.page import read_page

DRAWS = np.random.default_rng(0)
LABELS = DRAWS.integers(2, size=60)
X = 4.0 * LABELS[:, None] + DRAWS.normal(size=(60, 3))


class Generative(AbstractGenerativeModel):
    """Every cell is z plus noise; z ~ N(0, 1)."""

    latent_dim = 1

    def log_likelihood(self, datum, z):
        return norm.logpdf(datum.values, z).sum()

    def log_joint(self, datum, z):
        return norm.logpdf(z).sum() + self.log_likelihood(datum, z)

    def encode(self, datum):
        return datum.values.mean(keepdims=True)

    def decode(self, z, condition=None):
        return jnp.broadcast_to(z, (3,))

    def sample(self, condition=None, *, key):
        latent_key, noise_key = jax.random.split(key)
        z = jax.random.normal(latent_key, (1,))
        return z + jax.random.normal(noise_key, (3,)), z


class Density(AbstractDensityModel):
    """The same in any shape of three cells, with a Laplace distribution as q(z given x)."""

    shape: tuple[int, ...] = eqx.field(static=True, default=(3,))
    latent_dim = 1

    def log_likelihood(self, datum, z):
        return norm.logpdf(datum.values, z).sum()

    def log_joint(self, datum, z):
        return norm.logpdf(z).sum() + self.log_likelihood(datum, z)

    def encode(self, datum):
        return datum.values.mean()[None]

    def decode(self, z, condition=None):
        return jnp.broadcast_to(z, self.shape)

    def sample(self, condition=None, *, key):
        x, z = Generative().sample(key=key)
        return x.reshape(self.shape), z

    def draw(self, datum, *, key):
        mean = self.encode(datum)
        z = mean + jax.random.laplace(key, (1,))
        return Draw(z, norm.logpdf(z).sum(), self.log_likelihood(datum, z), laplace.logpdf(z, mean).sum())

    def elbo_terms(self, datum, *, key):
        drawn = self.draw(datum, key=key)
        return ElboTerms(drawn.log_likelihood, (drawn.log_posterior - drawn.log_prior)[None])


class Minimal(LatentVariableEstimator):
    """What every estimator must have, around a model without parameters."""

    def __init__(self, latent_dim: int = 1, random_state: int | None = 0) -> None:
        self.latent_dim = latent_dim
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "Minimal":
        rows = check_rows(self, X, reset=True)
        self.seed_ = 0
        self.preprocessing_ = Preprocessing(np.zeros(rows.shape[1:]), np.ones(rows.shape[1:]))
        model = self._skeleton(key=jax.random.key(0))
        self._set_fitted(FitResult(model, 0.0, {"loss": np.zeros(1)}, 1, Status("converged", "nothing to do."), 1))
        return self

    @property
    def likelihood_(self) -> FixedScaleGaussian:
        return FixedScaleGaussian(1.0)


class WithDensity(Minimal):
    def _skeleton(self, *, key: Any) -> Density:
        return Density()


class Generator(Minimal):
    def _skeleton(self, *, key: Any) -> Generative:
        return Generative()


class Either(Minimal):
    def _skeleton(self, *, key: Any) -> Density | Generative:
        return Density()


class Code(Minimal):
    def _skeleton(self, *, key: Any) -> Autoencoder:
        raise NotImplementedError


class Clusters(WithDensity):
    """Rows belong to one of two clusters, by the sign of their mean's distance from 2; nothing says where these are."""

    def predict_proba(self, X: Any) -> np.ndarray:
        first = 1 / (1 + np.exp(np.nanmean(self._rows(X).values, axis=1) - 2))
        return np.stack([first, 1 - first], axis=1)


class Images(Clusters):
    """The same for images of one row of three pixels."""

    def _skeleton(self, *, key: Any) -> Density:
        return Density((1, 3))

    def predict_proba(self, X: Any) -> np.ndarray:
        first = 1 / (1 + np.exp(self._rows(X).values.mean(axis=(1, 2)) - 2))
        return np.stack([first, 1 - first], axis=1)


GAUSSIAN = {"posterior", "health"}
DENSITY = {"sample_posterior", "log_evidence", "score_samples", "score", "elbo"}
ELSEWHERE = {"predict", "predict_proba", "impute", "imputation"}


@pytest.mark.parametrize(
    ("estimator", "lacks"),
    [
        (WithDensity(), GAUSSIAN),
        (Generator(), GAUSSIAN | DENSITY),
        (Either(), GAUSSIAN | DENSITY),
        (Code(), GAUSSIAN | DENSITY | {"sample"}),
        (Either().fit(X), GAUSSIAN),
    ],
)
def test_the_level_of_the_model_decides_the_verbs(estimator: Minimal, lacks: set[str]):
    assert set(estimator.absent_verbs()) == lacks | ELSEWHERE
    assert ("kl" in estimator.outlier_methods) == ("log_evidence" not in lacks)
    for verb in GAUSSIAN | DENSITY | {"sample"}:
        assert hasattr(estimator, verb) == (verb not in lacks)


@pytest.mark.parametrize("estimator", [WithDensity(), Generator()])
def test_findings_and_report_leave_out_what_the_level_lacks(estimator: Minimal, tmp_path: Path):
    estimator.fit(X)
    found = find(estimator, X, n_samples=50)
    assert found.health is None
    assert (found.density is None) == (type(estimator) is Generator)
    write_report(estimator, X, tmp_path / "r.html", n_samples=50)
    assert f"Left out: {type(estimator).__name__} has no health check: its " in read_page(tmp_path / "r.html").text


def test_clusters_without_means_of_their_own_have_those_of_their_rows(tmp_path: Path):
    estimator = Clusters().fit(X)
    with_holes = np.where(DRAWS.uniform(size=X.shape) < 0.1, np.nan, X)
    estimator.takes_missing = True  # the likelihood of this test's model does not: only clusters are asked for holes
    for rows in (X, with_holes):
        probability = estimator.predict_proba(rows)
        found = cluster_findings(estimator, rows, moments(estimator, rows))
        order = np.argsort(-probability.sum(axis=0))
        assert [cluster.number for cluster in found.clusters] == order.tolist()
        np.testing.assert_allclose([cluster.weight for cluster in found.clusters], probability.mean(axis=0)[order])
        for cluster in found.clusters:
            assert len(cluster.apart) == 3
            for distance in cluster.apart:
                cells = np.ma.masked_invalid(rows[:, int(distance.column[1:])])
                mean = np.ma.average(cells, weights=probability[:, cluster.number])
                assert distance.deviations == pytest.approx((mean - cells.mean()) / cells.std(), rel=1e-5)
    del estimator.takes_missing
    assert "clusters" in plain_findings(find(estimator, X, n_samples=20))
    write_report(estimator, X, tmp_path / "r.html", n_samples=20, labels=LABELS)
    anchors = [str(link["href"]) for link in read_page(tmp_path / "r.html").all("a")]
    assert {"#clusters", "#latents"} <= set(anchors)
    assert "The curve is the prior." not in read_page(tmp_path / "r.html").text  # which nobody has stated
    images = X.reshape(-1, 1, 3)
    write_report(Images().fit(images), images, tmp_path / "images.html", n_samples=20)
    assert "from cluster" in read_page(tmp_path / "images.html").text


def test_a_report_takes_a_frame_that_knows_its_columns_only(tmp_path: Path, recwarn: pytest.WarningsRecorder):
    names = ["a", "b", "c"]
    frame = Polars(np.where(DRAWS.uniform(size=X.shape) < 0.1, np.nan, X), schema=names)
    estimator = FactorAnalysis(1).fit(frame)
    write_report(estimator, frame, tmp_path / "r.html")
    page = read_page(tmp_path / "r.html")
    assert "data frame" in page.text
    assert not [warning for warning in recwarn if "feature names" in str(warning.message)]
