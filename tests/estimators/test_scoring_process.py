"""A process that only scores: no JAX, and no scikit-learn for a light scorer; forked workers answer, or say why they cannot."""

import multiprocessing
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import lowerbound
from lowerbound.persist import SavedModelError
from tests.contracts.registry import fitted

EXACT = ("PPCA", "FactorAnalysis", "MixtureOfFactorAnalyzers")
HOLES = np.random.default_rng(1).normal(size=(30, 3))
HOLES[::4, 1] = HOLES[3] = np.nan

CODE = """
import sys
import numpy as np
import lowerbound
folders, rows = sys.argv[2:], np.load(sys.argv[1])
for folder in folders:
    light = lowerbound.load(folder, only="scoring")
    light.score_samples(rows), light.transform(rows), light.impute(rows), light.outlier_scores(rows), light.predict(rows)
    light.reconstruct(rows), light.inverse_transform(light.transform(rows)), light.sample(3)
assert not {"jax", "sklearn", "scipy", "pandas", "equinox"} & set(sys.modules), sorted(sys.modules)
for folder in folders:
    whole = lowerbound.load(folder)
    whole.score_samples(rows), whole.score(rows), whole.elbo(rows), whole.log_evidence(rows), whole.transform(rows)
    whole.impute(rows), whole.impute(rows, n_draws=2), whole.imputation(rows), whole.outlier_scores(rows)
    whole.reconstruct(rows), whole.inverse_transform(whole.transform(rows)), whole.sample(3), str(whole.status_)
    whole.sample_posterior(rows, 2), whole.get_feature_names_out(), whole.n_parameters_
    if hasattr(whole, "predict"):
        whole.predict(rows), whole.means_
    if hasattr(whole, "posterior"):
        whole.posterior(rows), whole.loadings_, whole.mean_, whole.noise_variance_
assert "jax" not in sys.modules
print("scored")
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Name of each exact model -> where it was saved."""
    place = tmp_path_factory.mktemp("saved")
    for name in EXACT:
        fitted(name).save(place / name)
    return {name: place / name for name in EXACT}


def test_scoring_loads_neither_jax_nor_for_a_scorer_scikit_learn(folders, tmp_path):
    np.save(tmp_path / "rows.npy", HOLES)
    command = [sys.executable, "-c", CODE, str(tmp_path / "rows.npy"), *map(str, folders.values())]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "scored"), ran.stderr


@pytest.mark.parametrize("name", EXACT)
def test_a_scorer_answers_as_its_estimator(name, folders):
    scorer, estimator = lowerbound.load(folders[name], only="scoring"), fitted(name)
    codes = estimator.transform(HOLES)
    for found, expected in (
        (scorer.score_samples(HOLES), estimator.score_samples(HOLES)),
        (scorer.outlier_scores(HOLES, method="kl"), estimator.outlier_scores(HOLES, method="kl")),
        (scorer.transform(HOLES), codes),
        (scorer.inverse_transform(codes), estimator.inverse_transform(codes)),
        (scorer.reconstruct(HOLES), estimator.reconstruct(HOLES)),
        (scorer.impute(HOLES), estimator.impute(HOLES)),
        (scorer.sample(5), estimator.sample(5)),
        (scorer.sample(5, random_state=1), estimator.sample(5, random_state=1)),
        (scorer.score_samples(np.ma.masked_invalid(HOLES)), estimator.score_samples(HOLES)),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    if hasattr(estimator, "predict"):
        np.testing.assert_allclose(scorer.predict_proba(HOLES), estimator.predict_proba(HOLES), rtol=1e-12)
        np.testing.assert_array_equal(scorer.predict(HOLES), estimator.predict(HOLES))


def test_a_scorer_keeps_oblique_factors_and_names(tmp_path):
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 6)), columns=list("abcdef"))
    estimator = lowerbound.FactorAnalysis(2, rotation="promax", tol=1e-3).fit(table)
    estimator.save(tmp_path / "fa")
    scorer = lowerbound.load(tmp_path / "fa", only="scoring")
    codes = estimator.transform(table)
    np.testing.assert_allclose(scorer.transform(table), codes, rtol=1e-12)
    np.testing.assert_allclose(scorer.inverse_transform(codes), estimator.inverse_transform(codes), rtol=1e-12)
    with pytest.raises(ValueError, match=r"columns of X of Scorer\(FactorAnalysis, .* must be \['a', 'b'"):
        scorer.score_samples(table[list("bacdef")])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((2, 4)), r"rows of shape \(3,\); got shape \(2, 4\)"),
        (np.zeros((0, 3)), r"one or more rows"),
        (np.array([[0.0, np.inf, 1.0]]), "must be finite and at most 1e.150 in size, or NaN .*; got inf"),
        (np.array([[0.0, -1e200, np.nan]]), "at most 1e.150 in size, or NaN .*; got 1e.200"),
        (np.array([["a", "b", "c"]]), "must hold numbers"),
    ],
)
def test_a_scorer_refuses_what_is_no_row(X, message, folders):
    with pytest.raises(ValueError, match=message):
        lowerbound.load(folders["PPCA"], only="scoring").score_samples(X)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda scorer: scorer.outlier_scores(HOLES, method="bogus"),
            "method of Scorer.* must be one of kl, log_evidence",
        ),
        (lambda scorer: scorer.sample(0), "n_samples of Scorer.* must be a whole number, at least 1; got 0"),
        (lambda scorer: scorer.sample(1, random_state=-1), "random_state of Scorer.* at least 0; got -1"),
    ],
)
def test_a_scorer_refuses_options_out_of_range(call, message, folders):
    with pytest.raises(ValueError, match=message):
        call(lowerbound.load(folders["PPCA"], only="scoring"))


def test_only_exact_models_have_a_scorer(tmp_path):
    fitted("VAE").save(tmp_path / "vae")
    with pytest.raises(SavedModelError, match=r"solved exactly, such as PPCA, .* got VAE. Leave out only="):
        lowerbound.load(tmp_path / "vae", only="scoring")
    lowerbound.OutlierDetector(lowerbound.PPCA(1)).fit(HOLES).save(tmp_path / "detector")
    with pytest.raises(SavedModelError, match=r"got OutlierDetector of PPCA. .* or save its estimator_"):
        lowerbound.load(tmp_path / "detector", only="scoring")
    with pytest.raises(ValueError, match=r"only of load must be None or 'scoring'; got 'fit'"):
        lowerbound.load(tmp_path / "vae", only="fit")


def _answer(estimator, rows, queue):
    try:
        queue.put(estimator.score_samples(rows))
    except RuntimeError as error:
        queue.put(str(error))


@pytest.mark.filterwarnings("ignore::lowerbound.evaluate.evidence.EvidenceWarning")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning", "ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("name", [*EXACT, "VAE"])
def test_a_forked_worker_answers_or_says_why_not(name):
    estimator, context = fitted(name), multiprocessing.get_context("fork")
    rows = np.random.default_rng(0).normal(size=(4, *estimator.input_shape_))
    here, queue = estimator.score_samples(rows), context.Queue()
    worker = context.Process(target=_answer, args=(estimator, rows, queue))
    worker.start()
    answer = queue.get(timeout=60)
    worker.join()
    if name in EXACT:
        np.testing.assert_array_equal(answer, here)
    else:
        assert "forked" in answer
        assert "spawn" in answer
        assert "loky" in answer
