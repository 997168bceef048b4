"""An estimator that this library has never seen gets findings, a report and a comparison by what it says of itself.

It is principal component analysis with a density of the stranger's own making: exact, but without samples and a health check. The
ground truth is SciPy's multivariate normal distribution.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pandas import DataFrame
from scipy.stats import multivariate_normal

from lowerbound import FactorAnalysis, compare
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.findings.plain import plain_findings
from lowerbound.findings.record import find
from lowerbound.fit.result import FitResult, Status
from lowerbound.interface.base import LatentVariableEstimator
from lowerbound.interface.checks import check_rows
from lowerbound.likelihoods.gaussian import FixedScaleGaussian
from lowerbound.models.linear_gaussian import LinearGaussian
from lowerbound.report import write_report
from tests.report.page import read_page

DRAWS = np.random.default_rng(0)
X = DataFrame(DRAWS.normal(size=(60, 1)) @ [[1.0, -1.0, 2.0]] + DRAWS.normal(size=(60, 3)), columns=["a", "b", "c"])


class Stranger(LatentVariableEstimator):
    """One principal axis, and noise with what is left of the variance."""

    outlier_methods = ("log_evidence", "reconstruction")

    def __init__(self, latent_dim: int = 1, random_state: int | None = 0) -> None:
        self.latent_dim = latent_dim
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "Stranger":
        rows = check_rows(self, X, reset=True)
        values, vectors = np.linalg.eigh(np.cov(rows.T, bias=True))
        self.seed_ = 0
        self.preprocessing_ = Preprocessing(np.zeros(rows.shape[1]), np.ones(rows.shape[1]), dtype="float64")
        noise = values[:-1].mean()
        loadings = vectors[:, -1:] * np.sqrt(values[-1] - noise)
        model = LinearGaussian(rows.mean(axis=0), loadings, np.asarray(np.log(noise)), 1e-9, rows.shape[1:])
        status = Status("converged", "found the axis.").with_notes(("The stranger has a doubt.",))
        self._set_fitted(FitResult(model, 0.0, {"loss": np.zeros(1)}, 1, status, 1))
        return self

    def absent_verbs(self) -> dict[str, str]:
        reason = "the stranger did not care for it."
        return {**super().absent_verbs(), **dict.fromkeys(("sample", "health", "posterior"), reason)}

    def _skeleton(self, *, key: Any) -> LinearGaussian:
        return self.model_

    @property
    def likelihood_(self) -> FixedScaleGaussian:
        return FixedScaleGaussian(1.0)


@pytest.fixture(scope="module")
def stranger() -> Stranger:
    return Stranger().fit(X)


def test_findings_are_those_of_the_density(stranger: Stranger):
    found = find(stranger, X, n_samples=10)
    model = stranger.model_
    truth = multivariate_normal(model.mean, model.loadings @ model.loadings.T + np.exp(model.log_variance) * np.eye(3))
    assert found.estimator == "Stranger"
    assert found.density.exact
    assert found.density.log_evidence == pytest.approx(truth.logpdf(X.to_numpy()).mean())
    assert np.isnan(found.density.kl)  # not among its outlier scores
    assert found.health is None
    assert found.no_health == "Stranger has no health check: the stranger did not care for it."
    assert [column.name for column in found.columns] == ["a", "b", "c"]
    assert found.baseline.outcome == "better"
    fields = plain_findings(found)
    assert fields["kl"] is None
    assert "The stranger has a doubt." in [sentence["text"] for sentence in fields["sentences"]]


def test_a_report_leaves_out_what_is_absent_and_says_why(stranger: Stranger, tmp_path: Path):
    write_report(stranger, X, tmp_path / "r.html")
    page = read_page(tmp_path / "r.html")
    assert "Left out: Stranger cannot be sampled: the stranger did not care for it." in page.text
    assert "Left out: Stranger has no health check: the stranger did not care for it." in page.text
    assert "Scored by log_evidence" in page.text
    anchors = [str(link["href"]) for link in page.all("a")]
    assert "#latents" in anchors
    assert "#clusters" not in anchors
    assert "KL of each dimension" not in page.text


def test_a_comparison_holds_it_against_others_and_carries_its_note(stranger: Stranger):
    fa = FactorAnalysis(1).fit(X)
    of_stranger, of_fa = compare([stranger, fa], X)
    per_row = stranger.log_evidence(X).per_row - fa.log_evidence(X).per_row
    assert of_stranger.name == "Stranger(1)"
    assert of_stranger.notes == ("The stranger has a doubt.",)
    assert of_stranger.difference - of_fa.difference == pytest.approx(per_row.mean())
