"""Alarms of an outlier detector: near the asked share in every unit and at every share of holes; a row without cells is none."""

import numpy as np
import pytest

from lowerbound import PPCA, VAE, Autoencoder, FactorAnalysis, MixtureOfFactorAnalyzers, OutlierDetector
from lowerbound.evaluate.tail import Tail

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1600, 2)) @ RNG.normal(size=(2, 6)) + 0.3 * RNG.normal(size=(1600, 6))
TRAIN, NEW = X[:800], X[800:]
HOLES = {share: RNG.random(NEW.shape) < share for share in (0.0, 0.05, 0.25, 0.5)}
NETWORK = {"hidden": (8,), "max_epochs": 30, "learning_rate": 0.01, "batch_size": 64, "random_state": 0}
DETECTORS = {
    "factor analysis": FactorAnalysis(2),
    "mixture": MixtureOfFactorAnalyzers(2, latent_dim=1, n_init=1, tol=1e-4, random_state=0),
    "VAE": VAE(2, **NETWORK),
    "autoencoder": Autoencoder(2, **NETWORK),
}


@pytest.mark.parametrize("kind", DETECTORS)
def test_alarms_do_not_depend_on_units_and_holes(kind):
    for unit in (1.0, 0.01, 100.0) if kind != "VAE" else (1.0, 0.01):  # a network's fit is a fit anew
        detector = OutlierDetector(DETECTORS[kind], contamination=0.03).fit(TRAIN * unit)
        for share, hidden in HOLES.items():
            rows = np.where(hidden, np.nan, NEW) * unit
            rows[0] = np.nan if share else rows[0]
            alarms = detector.predict(rows) == -1
            assert 0.008 < alarms.mean() < 0.065, (unit, share, alarms.mean())
            assert not (share and alarms[0])
        shifted = np.where(HOLES[0.25], np.nan, NEW + 8 * TRAIN.std(axis=0) * RNG.choice([-1, 1], NEW.shape)) * unit
        assert (detector.predict(shifted) == -1).mean() > 0.6


def test_scores_of_complete_rows_stay_what_they_are_and_holes_keep_the_order_of_a_pattern():
    detector = OutlierDetector(FactorAnalysis(2), contamination=0.05).fit(TRAIN)
    rows = np.where(HOLES[0.25], np.nan, NEW)
    complete = ~HOLES[0.25].any(axis=1)
    raw, found = detector.estimator_.outlier_scores(rows), detector.outlier_scores(rows)
    np.testing.assert_array_equal(found[complete], raw[complete])
    pattern = (HOLES[0.25] == HOLES[0.25][~complete][0]).all(axis=1)
    np.testing.assert_array_equal(np.argsort(found[pattern]), np.argsort(raw[pattern]))


def test_reconstructions_of_a_network_keep_the_share_of_alarms_too():
    detector = OutlierDetector(DETECTORS["VAE"], method="reconstruction", contamination=0.03).fit(TRAIN)
    for share, hidden in HOLES.items():
        alarms = detector.predict(np.where(hidden, np.nan, NEW)) == -1
        assert 0.008 < alarms.mean() < 0.05, (share, alarms.mean())


def test_the_score_of_a_row_with_holes_does_not_depend_on_its_company():
    wide = RNG.normal(size=(500, 12))
    detector = OutlierDetector(PPCA(2), contamination=0.05).fit(wide)
    rows = np.where(RNG.random(wide.shape) < 0.3, np.nan, wide)
    np.testing.assert_array_equal(detector.outlier_scores(rows)[:3], detector.outlier_scores(rows[:3]))


def test_a_tail_is_that_of_a_chi_square():
    from scipy.stats import chi2

    tail = Tail.of(chi2(5).rvs(20_000, random_state=0))
    scores = np.array([1.0, 5.0, 15.0, 25.0])
    np.testing.assert_allclose(tail.surprise_of(scores), -chi2(5).logsf(scores), rtol=0.12, atol=0.02)
    np.testing.assert_allclose(tail.score_of(tail.surprise_of(scores)), scores, rtol=1e-9)
