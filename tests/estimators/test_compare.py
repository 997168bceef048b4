"""compare on fitted estimators: the numbers of log_evidence, and marginals in closed form where columns are left out."""

import copy
import math
from dataclasses import replace

import numpy as np
import pandas
import pytest
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import make_pipeline

from lowerbound import PPCA, VAE, Autoencoder, EvidenceWarning, FactorAnalysis, OutlierDetector, compare
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.evaluate.rows import map_rows
from lowerbound.nn.keys import as_key
from tests.linear_gaussian import linear_gaussian

TRUTH, OTHER = linear_gaussian(seed=0), linear_gaussian(seed=1)
X = TRUTH.sample(20, seed=0)
NONE = np.zeros(5, bool)
SECOND = np.array([False, True, False, False, False])


@pytest.fixture(scope="module")
def fitted() -> VAE:
    return VAE(2, hidden=(), posterior_covariance="full", max_epochs=1, random_state=0).fit(X)


@pytest.fixture(scope="module")
def autoencoder() -> Autoencoder:
    return Autoencoder(2, hidden=(), max_epochs=1, random_state=0).fit(X)


def known(fitted: VAE, truth, *, constant=NONE, left_out=NONE, stretch: float = 1.0, shift=0.0, scale=1.0) -> VAE:
    """A fitted VAE whose density is that of ``truth`` after x = scale y + shift, its q exact for what is not left out."""
    estimator = copy.copy(fitted)
    estimator.model_ = truth.vae(observed=~left_out, stretch=stretch)
    estimator.preprocessing_ = Preprocessing(np.full(5, shift), np.full(5, scale))
    estimator.constant_features_ = constant
    return estimator


def test_values_are_those_of_log_evidence_and_differences_those_of_the_truths(fitted: VAE):
    models = [known(fitted, TRUTH), known(fitted, OTHER, stretch=1.1)]
    found = compare(models, X, names=["truth", "other"], n_samples=50)
    for entry, model in zip(found, models, strict=True):
        evidence = model.log_evidence(X, n_samples=50)
        assert entry.value == evidence.value
        assert entry.standard_error == evidence.standard_error
        assert entry.sampling_error == evidence.sampling_error
        assert (entry.exact, entry.n_samples, entry.base_measure) == (False, 50, "Lebesgue measure")
    truth, other = found
    rows = OTHER.log_evidence(X) - TRUTH.log_evidence(X)
    assert found.best == "truth"
    assert abs(other.difference - rows.mean()) < 5 * math.hypot(truth.standard_error, other.standard_error)
    assert other.difference_standard_error == pytest.approx(rows.std(ddof=1) / np.sqrt(20), rel=0.05)
    assert found.n_rows == 20
    assert found.notes == ()


def test_a_constant_column_of_one_model_is_left_out_for_all(fitted: VAE):
    # The first was constant in training for one model only; q is exact for the rest, so that every estimate is.
    models = {
        "one": known(fitted, TRUTH, constant=SECOND, left_out=SECOND),
        "two": known(fitted, OTHER, left_out=SECOND, shift=3.0, scale=2.0),
    }
    rows = X.copy()
    rows[:, 1] = 7.0
    one, two = found = compare(models, rows, n_samples=4)
    assert one.value == pytest.approx(TRUTH.log_evidence(X, ~SECOND).mean(), rel=1e-5)
    seen = ~SECOND
    marginal = multivariate_normal(2 * OTHER.bias[seen] + 3, 4 * OTHER.covariance[np.ix_(seen, seen)])
    assert two.value == pytest.approx(marginal.logpdf(X[:, seen]).mean(), rel=1e-5)
    assert found.notes == (
        "Left out for all models alike: 1 column (1), constant in the training rows of at least one of them.",
    )


class Bounded(PPCA):
    """An estimator with a log p(x) of its own: a nat less."""

    def log_evidence(self, X, *, n_samples=1000, method=None):
        found = super().log_evidence(X, n_samples=n_samples)
        return replace(found, value=found.value - 1, per_row=found.per_row - 1)


def test_the_evidence_is_the_estimators_own():
    plain, bounded = compare({"plain": PPCA(1).fit(X), "bounded": Bounded(1).fit(X)}, X)
    assert plain.value == pytest.approx(bounded.value + 1)
    constant = np.where(SECOND, 1.0, X)
    plain, bounded = compare({"plain": PPCA(1).fit(constant), "bounded": Bounded(1).fit(X)}, X)
    marginal = Bounded(1).fit(X)
    seen, covariance = ~SECOND, marginal.loadings_ @ marginal.loadings_.T + marginal.noise_variance_ * np.eye(5)
    density = multivariate_normal(marginal.mean_[seen], covariance[np.ix_(seen, seen)])
    assert bounded.value == pytest.approx(density.logpdf(X[:, seen]).mean() - 1, rel=1e-6)


def test_what_is_in_a_column_left_out_does_not_matter(fitted: VAE):
    models = [known(fitted, TRUTH, constant=SECOND, left_out=SECOND)]
    rows = X.copy()
    rows[:, 1] = 7.0
    # Equal hashes of the rows would need equal rows: only an exact q gives the same number for both.
    assert compare(models, rows).models[0].value == pytest.approx(compare(models, X).models[0].value, rel=1e-6)


def test_columns_constant_in_different_models_are_left_out_together(fitted: VAE):
    fifth = np.arange(5) == 4
    both = SECOND | fifth
    models = [known(fitted, TRUTH, constant=constant, left_out=both) for constant in (SECOND, fifth)]
    one, two = found = compare(models, X, n_samples=4)
    assert one.value == two.value == pytest.approx(TRUTH.log_evidence(X, ~both).mean(), rel=1e-5)
    assert "2 columns (1, 4)" in found.notes[0]


def test_constant_columns_are_named_by_the_data_frame():
    frame = pandas.DataFrame(X, columns=list("abcde"))
    frame["c"] = 1.0
    vae = VAE(1, hidden=(), max_epochs=1, random_state=0).fit(frame)
    found = compare([vae], frame, n_samples=2)
    assert "1 column (c)" in found.notes[0]


def test_constant_pixels_are_named_by_their_place():
    images = np.random.default_rng(0).normal(size=(10, 2, 4))
    images[:, 1] = 0
    vae = VAE(1, hidden=(), max_epochs=1, random_state=0).fit(images)
    assert "4 columns ((1, 0), (1, 1), (1, 2), (1, 3))" in compare([vae], images, n_samples=2).notes[0]


def test_without_any_column_left_there_is_no_density(fitted: VAE, autoencoder: Autoencoder):
    vae, code = found = compare([known(fitted, TRUTH, constant=~NONE), autoencoder], X)
    assert vae.reason == "every column was constant in training, so that there is no density to speak of."
    assert code.reason.startswith("its encoder is deterministic")
    assert (found.best, found.base_measure, found.notes) == (None, "", ())


def test_names_are_classes_and_sizes_and_are_made_unique(fitted: VAE, autoencoder: Autoencoder):
    found = compare([fitted, autoencoder, fitted], X, n_samples=1)
    assert [entry.name for entry in found] == ["VAE(2) #1", "Autoencoder(2)", "VAE(2) #2"]
    first, _, last = found
    assert (last.value, last.difference) == (first.value, 0.0)
    assert first.n_parameters == fitted.n_parameters_
    assert first.fit_seconds == fitted.fit_seconds_ > 0


def test_untrusted_estimates_are_warned_about_by_name(fitted: VAE):
    with pytest.warns(EvidenceWarning, match=r"^spoiled: log p\(x\) cannot be trusted for \d+% of the rows"):
        found = compare({"exact": known(fitted, TRUTH), "spoiled": known(fitted, TRUTH, stretch=0.05)}, X)
    assert len(found.notes) == 1
    assert found.notes[0].startswith("spoiled: ")
    assert found.best == "exact"


def test_another_base_measure_is_left_blank(fitted: VAE):
    bits = (X > 0).astype(float)
    bernoulli = VAE(2, likelihood="bernoulli", hidden=(), max_epochs=1, random_state=0).fit(bits)
    gaussian, mass = compare([fitted, bernoulli], bits, n_samples=2)
    assert math.isfinite(gaussian.value)
    assert math.isnan(mass.value)
    assert bernoulli.base_measure_ in mass.reason


def density(ppca: PPCA) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of p(x), by the textbook's matrices."""
    return ppca.mean_, ppca.loadings_ @ ppca.loadings_.T + np.diag(
        np.broadcast_to(ppca.noise_variance_, len(ppca.mean_))
    )


def test_exact_models_are_exact_beside_sampled_ones(fitted: VAE):
    ppca, factor_analysis = PPCA(1).fit(X), FactorAnalysis(1).fit(X)
    one, two, sampled = found = compare([ppca, factor_analysis, fitted], X, n_samples=20)
    logs = [multivariate_normal(*density(model)).logpdf(X) for model in (ppca, factor_analysis)]
    for entry, exact in zip((one, two), logs, strict=True):
        assert entry.value == pytest.approx(exact.mean(), rel=1e-10)
        assert (entry.exact, entry.standard_error, entry.n_samples, entry.reason) == (True, 0.0, 0, "")
    assert found.best == two.name
    difference = logs[0] - logs[1]
    assert one.difference == pytest.approx(difference.mean(), rel=1e-9)
    assert one.difference_standard_error == pytest.approx(difference.std(ddof=1) / math.sqrt(20), rel=1e-9)
    assert sampled.exact is False
    assert sampled.reason == ""  # the same base measure, in the same words


def test_constant_columns_of_exact_models_are_left_out():
    rows = X.copy()
    rows[:, 1] = 7.0
    flat, whole = PPCA(1).fit(rows), FactorAnalysis(1).fit(X)
    mean, covariance = density(whole)
    kept = ~SECOND
    marginal = multivariate_normal(mean[kept], covariance[np.ix_(kept, kept)]).logpdf(X[:, kept])
    for order in ((flat, whole), (whole, flat)):
        found = {entry.name: entry for entry in compare(order, X)}
        assert found["FactorAnalysis(1)"].value == pytest.approx(marginal.mean(), rel=1e-10)
        assert math.isfinite(found["PPCA(1)"].value)


@pytest.mark.filterwarnings("ignore::lowerbound.evaluate.evidence.EvidenceWarning")  # fitted in one epoch
def test_missing_cells_are_left_out_of_exact_models_and_their_neighbours_go_on(fitted: VAE):
    holes = X.copy()
    holes[0] = np.nan  # log p of nothing is 0
    holes[1, :2] = np.nan
    ppca = PPCA(2).fit(X)
    vae, exact = compare([fitted, ppca], holes)
    mean, covariance = density(ppca)
    by_hand = [
        multivariate_normal(mean[seen], covariance[np.ix_(seen, seen)]).logpdf(row[seen]) if seen.any() else 0.0
        for row, seen in zip(holes, ~np.isnan(holes), strict=True)
    ]
    assert exact.value == pytest.approx(np.mean(by_hand), rel=1e-10)
    assert math.isfinite(vae.value)


def test_dequantized_models_are_held_against_the_same_noise():
    levels = np.random.default_rng(0).integers(0, 17, size=(30, 4))
    ppca = PPCA(1, dequantize=True).fit(levels)
    vae = VAE(1, dequantize=True, hidden=(), max_epochs=1, random_state=5).fit(levels)
    seen = [map_rows(_values, model.model_, model._rows(levels), key=as_key(model._key(0))) for model in (ppca, vae)]
    noise, other = (
        values * model.preprocessing_.scale + model.preprocessing_.shift - levels
        for values, model in zip(seen, (ppca, vae), strict=True)
    )
    assert 0 <= noise.min() < 0.1 < 0.9 < noise.max() < 1
    np.testing.assert_allclose(other, noise, atol=1e-5)
    exact, sampled = compare([ppca, vae], levels, n_samples=2)
    assert exact.value == pytest.approx(multivariate_normal(*density(ppca)).logpdf(levels + noise).mean(), rel=1e-6)
    assert sampled.reason == ""


def _values(model, datum, *, key):
    return datum.values


@pytest.mark.filterwarnings("ignore::lowerbound.evaluate.evidence.EvidenceWarning")  # fitted in one epoch
@pytest.mark.parametrize("as_frame", [False, True])
def test_missing_cells_are_left_out_of_sampled_models(fitted, autoencoder, as_frame: bool):
    holes = X.copy()
    holes[3, 2] = holes[4, 0] = np.nan
    vae, code = compare([fitted, autoencoder], pandas.DataFrame(holes) if as_frame else holes, n_samples=50)
    assert vae.value == fitted.log_evidence(holes, n_samples=50).value
    assert "deterministic" in code.reason


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("estimators of compare must hold at least one fitted estimator; got none.", {"estimators": []}),
        ("estimators of compare must be a sequence .* got VAE. Put it in a list.", {"estimators": "fitted"}),
        (
            "must be fitted models of this library, such as VAE; got OutlierDetector. Of an",
            {"estimators": ["detector"]},
        ),
        ("must be fitted models of this library, such as VAE; got Pipeline", {"estimators": ["pipeline"]}),
        (r"estimators of compare must be fitted; VAE\(3\) is not. Call its fit first.", {"estimators": ["unfitted"]}),
        (
            r"must be fitted to rows of one shape; got \(5,\) for VAE\(2\) and \(3,\)",
            {"estimators": ["fitted", "narrow"]},
        ),
        ("names of compare must be one for each of 1 estimators; got 2.", {"names": ["a", "b"]}),
        ("names of compare must differ; got 'a' more than once", {"estimators": ["fitted"] * 2, "names": ["a", "a"]}),
        ("names of compare must be None for a mapping", {"estimators": {"a": "fitted"}, "names": ["a"]}),
        ("n_samples of compare must be a whole number, at least 1; got 0.", {"n_samples": 0}),
        ("X has 3 features, but VAE is expecting 5 features", {"X": X[:, :3]}),
        ("X of VAE must have rows of one shape", {"X": [[1.0, 2.0], [3.0]]}),
        ("X of VAE must be finite", {"X": np.where(np.arange(5) == 2, np.inf, X)}),
    ],
)
def test_bad_input_is_one_clear_error(fitted: VAE, words: str, options: dict):
    parts = {
        "fitted": fitted,
        "detector": OutlierDetector(VAE()),
        "pipeline": make_pipeline(VAE()),
        "unfitted": VAE(3),
        "narrow": Autoencoder(1, hidden=(), max_epochs=1).fit(X[:, :3]),
    }

    def named(value):
        if isinstance(value, dict):
            return {name: parts[part] for name, part in value.items()}
        return [parts[part] for part in value] if isinstance(value, list) else parts.get(value, value)

    arguments = {"estimators": ["fitted"], "X": X, "n_samples": 2} | options
    with pytest.raises(ValueError, match=words):
        compare(named(arguments.pop("estimators")), arguments.pop("X"), **arguments)


def test_an_unfitted_one_is_scikit_learns_error(fitted: VAE):
    with pytest.raises(NotFittedError):
        compare([fitted, VAE()], X)


def test_the_notes_of_a_fit_are_carried_by_name_but_not_those_on_columns_that_are_left_out():
    draws = np.random.default_rng(0)
    frame = pandas.DataFrame(draws.normal(size=(60, 3)), columns=list("abc")).assign(flat=1.0)
    frame["copy"] = frame["a"]
    fa, ppca = FactorAnalysis(1).fit(frame), PPCA(1).fit(frame)
    assert len(fa.status_.notes) == 2  # the constant column, and the noise at its floor
    of_fa, of_ppca = found = compare([fa, ppca], frame)
    assert of_fa.notes == (fa.status_.notes[1],)
    assert "2 features (a, copy) rest on its floor" in of_fa.notes[0]
    assert of_ppca.notes == ()
    assert found.best == "FactorAnalysis(1)"
    assert "FactorAnalysis(1) [!]" in str(found).splitlines()[1]
    assert " ".join(f"FactorAnalysis(1) [!]: {of_fa.notes[0]}".split()) in " ".join(str(found).split())


def test_a_fit_that_ended_early_says_so_in_the_comparison():
    with pytest.warns(ConvergenceWarning, match="max_iter = 1"):
        fa = FactorAnalysis(1, max_iter=1).fit(X)
    assert fa.status_.code == "max_iter"
    (model,) = compare([fa], X)
    assert model.notes[0] == f"The fit ended early: {fa.status_.message.splitlines()[0]}"
