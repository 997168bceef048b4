"""Exactly solvable models on the command line: tables with empty cells from the file to the answer, and back.

Ground truth: the estimators in Python, given the same rows with NaN; scikit-learn's PCA for the linear autoencoder.
"""

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas
import pytest
from sklearn.decomposition import PCA

from lowerbound import PPCA, FactorAnalysis, LinearAutoencoder, MixtureOfFactorAnalyzers, OutlierDetector, load
from lowerbound.data.files import read_array, read_table
from lowerbound.fit import em
from lowerbound.fit.progress import Reporter
from tests.contracts.registry import STOPPED_EARLY

pytestmark = pytest.mark.filterwarnings(STOPPED_EARLY)

NAMES = ["height", "width", "depth", "mass"]


@pytest.fixture(scope="module")
def holes() -> np.ndarray:
    """(60, 4): a plane with noise; a fifth of the cells missing, in all patterns."""
    draws = np.random.default_rng(0)
    rows = draws.normal(size=(60, 2)) @ draws.normal(size=(2, 4)) + 0.3 * draws.normal(size=(60, 4))
    rows[draws.random(rows.shape) < 0.2] = np.nan
    rows[7] = np.nan
    return rows


@pytest.fixture(scope="module")
def frame(holes: np.ndarray) -> pandas.DataFrame:
    return pandas.DataFrame(holes, columns=NAMES)


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory, frame: pandas.DataFrame) -> Path:
    file = tmp_path_factory.mktemp("table") / "rows.csv"
    frame.to_csv(file, index=False)
    return file


@pytest.fixture(scope="module", params=[".csv", ".parquet"])
def table(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, frame: pandas.DataFrame, csv: Path
) -> Path:
    if request.param == ".csv":
        return csv
    file = tmp_path_factory.mktemp("table") / "rows.parquet"
    frame.convert_dtypes().to_parquet(file)  # of the types that mark holes by NA
    return file


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory, frame: pandas.DataFrame) -> Path:
    folder = tmp_path_factory.mktemp("models") / "mfa"
    MixtureOfFactorAnalyzers(3, latent_dim=2, max_iter=5, random_state=0).fit(frame).save(folder)
    return folder


@pytest.fixture(scope="module")
def ppca_of_holes(tmp_path_factory: pytest.TempPathFactory, frame: pandas.DataFrame) -> Path:
    folder = tmp_path_factory.mktemp("models") / "ppca"
    PPCA(1, random_state=0).fit(frame).save(folder)
    return folder


@pytest.mark.parametrize(
    ("words", "twin"),
    [
        (("ppca",), PPCA(random_state=0)),
        (
            ("ppca", "--latent-dim", 1, "--method", "em", "--max-iter", 5, "--tol", 0),
            PPCA(1, method="em", max_iter=5, tol=0.0),
        ),
        (("ppca", "--standardize", "--random-state", 4), PPCA(standardize=True, random_state=4)),
        (("fa", "--latent-dim", 1, "--max-iter", 9), FactorAnalysis(1, max_iter=9)),
        (("fa", "--rotation", "varimax", "--tol", 1e-4), FactorAnalysis(rotation="varimax", tol=1e-4)),
        (("mfa", "--max-iter", 4, "--n-init", 2), MixtureOfFactorAnalyzers(max_iter=4, n_init=2)),
        (
            ("mfa", "--n-clusters", 3, "--latent-dim", 0, "--noise", "full", "--max-iter", 3),
            MixtureOfFactorAnalyzers(3, latent_dim=0, noise="full", max_iter=3),
        ),
        (
            ("mfa", "--noise", "isotropic", "--shared-noise", "--noise-floor", 0.05, "--max-iter", 3),
            MixtureOfFactorAnalyzers(noise="isotropic", shared_noise=True, noise_floor=0.05, max_iter=3),
        ),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_fit_saves_what_python_fits(run, csv: Path, frame: pandas.DataFrame, tmp_path: Path, words: tuple, twin):
    ran = run("fit", words[0], csv, "--out", tmp_path / "m", *words[1:], "-q")
    assert ran.code == 0, ran.err
    fitted = load(tmp_path / "m")
    twin = type(twin)(**twin.get_params()).set_params(random_state=twin.random_state or 0)
    assert fitted.get_params() == twin.get_params()
    assert list(fitted.feature_names_in_) == NAMES
    twin.fit(frame)
    answers = fitted.score_samples(frame)
    np.testing.assert_allclose(answers, twin.score_samples(frame), rtol=1e-9, atol=1e-9)
    assert fitted.status_ == twin.status_
    assert f"Log p(x) of the training rows: {-twin.objective_:.3f} nats per row." in ran.out
    assert twin.score(frame) == pytest.approx(-twin.objective_, rel=1e-6)  # what is printed is what it says


def test_the_maximum_of_iterations_is_a_warning(run, csv: Path, tmp_path: Path):
    ran = run("fit", "fa", csv, "--out", tmp_path / "m", "--max-iter", 2)
    assert ran.code == 0
    assert ran.err.startswith("Warning: stopped after max_iter = 2 iterations")
    assert ran.err.count("\n") == 1
    assert load(tmp_path / "m").status_.code == "max_iter"
    closed = run("fit", "ppca", "digits", "--out", tmp_path / "p")
    assert (closed.code, closed.err) == (0, "")
    assert closed.out.startswith("Status: the maximum of the likelihood, in closed form.")


def test_the_linear_autoencoder_is_pca(run, data: Path, rows: np.ndarray, tmp_path: Path):
    ran = run("fit", "linear_autoencoder", data, "--out", tmp_path / "m", "--latent-dim", 1)
    assert (ran.code, ran.err) == (0, "")
    assert "Loss" in ran.out
    assert "epoch" not in ran.out
    codes = load(tmp_path / "m").transform(rows)
    np.testing.assert_allclose(np.abs(codes), np.abs(PCA(1).fit(rows).transform(rows)), rtol=1e-5)
    words = ("--method", "gradient", "--max-epochs", 3, "--learning-rate", 0.01, "-q")
    ran = run("fit", "linear_autoencoder", data, "--out", tmp_path / "g", *words)
    assert "Kept epoch" in ran.out
    found = load(tmp_path / "g").get_params()
    assert found == LinearAutoencoder(method="gradient", max_epochs=3, learning_rate=0.01, random_state=0).get_params()


def test_an_interrupted_em_is_saved_and_exits_with_130(
    run, csv: Path, frame: pandas.DataFrame, tmp_path: Path, monkeypatch
):
    class Interrupting(Reporter):
        def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
            signal.raise_signal(signal.SIGINT)

    @contextmanager
    def reporter(*, verbose: bool, max_epochs: int, n_rows: int) -> Iterator[Reporter]:
        yield Interrupting()

    monkeypatch.setattr(em, "reporter", reporter)
    ran = run("fit", "mfa", csv, "--out", tmp_path / "m", "--tol", 0, "--max-iter", 100_000, "-q")
    assert ran.code == 130
    assert ran.err.startswith("Warning: stopped by Ctrl-C in iteration ")
    assert load(tmp_path / "m").status_.code == "interrupted"
    assert np.isfinite(load(tmp_path / "m").score_samples(frame)).all()


def test_the_progress_bar_counts_in_the_units_of_the_rows(frame: pandas.DataFrame, monkeypatch):
    shown = []

    class Noting(Reporter):
        def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
            shown.append(metrics["loss"])

    @contextmanager
    def reporter(*, verbose: bool, max_epochs: int, n_rows: int) -> Iterator[Reporter]:
        yield Noting()

    monkeypatch.setattr(em, "reporter", reporter)
    mixture = MixtureOfFactorAnalyzers(max_iter=6, random_state=0).fit(100 * frame)
    assert shown[-1] == pytest.approx(mixture.history_["loss"][-1], rel=1e-12)


def test_impute_fills_the_empty_cells_of_a_table(
    run, ppca_of_holes: Path, table: Path, frame: pandas.DataFrame, holes: np.ndarray, tmp_path: Path
):
    out = tmp_path / f"filled{table.suffix}"
    ran = run("impute", ppca_of_holes, table, "--out", out)
    n_holes, n_rows = np.isnan(holes).sum(), np.isnan(holes).any(axis=1).sum()
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"Filled {n_holes} missing cells in {n_rows} of 60 rows; wrote {out}\n"
    found = read_table(out)
    assert list(found.columns) == NAMES
    np.testing.assert_array_equal(found.values[~np.isnan(holes)], holes[~np.isnan(holes)])
    np.testing.assert_allclose(found.values, load(ppca_of_holes).impute(frame), rtol=1e-12)
    assert not np.isnan(found.values).any()
    again = run("impute", ppca_of_holes, table, "--out", out)
    assert again.err == f"Error: --out must be new; {out} exists. Add --overwrite to replace it.\n"
    assert run("impute", ppca_of_holes, table, "--out", out, "--overwrite").code == 0


@pytest.mark.parametrize("name", ["drawn.npy", "drawn.npz"])
def test_draws_are_a_third_axis(
    run, mixture: Path, csv: Path, frame: pandas.DataFrame, holes: np.ndarray, tmp_path: Path, name: str
):
    ran = run("impute", mixture, csv, "--out", tmp_path / name, "--draws", 3, "--random-state", 5)
    assert ran.code == 0, ran.err
    assert "of 60 rows, 3 draws each; wrote" in ran.out
    found = read_array(tmp_path / name)
    assert found.shape == (60, 3, 4)
    np.testing.assert_allclose(found, load(mixture).impute(frame, n_draws=3, random_state=5), rtol=1e-12)
    words = ("impute", mixture, csv, "--draws", 3, "--random-state")
    run(*words, 5, "--out", tmp_path / "same.npy")
    run(*words, 6, "--out", tmp_path / "other.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "same.npy"), found)
    differ = (np.load(tmp_path / "other.npy") != found).any(axis=1)
    np.testing.assert_array_equal(differ, np.isnan(holes))


@pytest.mark.parametrize(("model", "kind"), [("mixture", ".csv"), ("ppca_of_holes", ".parquet")])
def test_intervals_in_a_table_have_a_line_for_each_empty_cell(
    run, request, model: str, kind: str, csv: Path, frame: pandas.DataFrame, holes: np.ndarray, tmp_path: Path
):
    folder, out = request.getfixturevalue(model), tmp_path / f"i{kind}"
    words = ("impute", folder, csv, "--out", tmp_path / "x.npy", "--intervals", out, "--coverage", 0.8)
    ran = run(*words)
    assert ran.code == 0, ran.err
    assert ran.out.endswith(f", their intervals to {out}\n")
    lines = pandas.read_csv(out) if kind == ".csv" else pandas.read_parquet(out)
    assert list(lines.columns) == ["row", "column", "mean", "scale", "lower", "upper"]
    row, column = np.nonzero(np.isnan(holes))
    np.testing.assert_array_equal(lines["row"], row)
    assert list(lines["column"]) == [NAMES[j] for j in column]
    expected = load(folder).imputation(frame, coverage=0.8)
    for name in ("mean", "scale", "lower", "upper"):
        np.testing.assert_allclose(lines[name], getattr(expected, name)[row, column], rtol=1e-12)
    np.testing.assert_allclose(lines["mean"], np.load(tmp_path / "x.npy")[row, column], rtol=1e-12)


def test_intervals_in_an_array_are_the_ends_for_all_cells(
    run, mixture: Path, csv: Path, frame: pandas.DataFrame, holes: np.ndarray, tmp_path: Path
):
    run("impute", mixture, csv, "--out", tmp_path / "x.csv", "--intervals", tmp_path / "i.npz")
    found = read_array(tmp_path / "i.npz")
    expected = load(mixture).imputation(frame)
    np.testing.assert_allclose(found, np.stack([expected.lower, expected.upper], axis=1), rtol=1e-12)
    known = ~np.isnan(holes)
    np.testing.assert_array_equal(found[:, 0][known], holes[known])
    assert np.all(found[:, 0][~known] < found[:, 1][~known])
    assert read_table(tmp_path / "x.csv").columns == tuple(NAMES)


def test_a_table_without_empty_cells_comes_back_as_it_is(run, ppca: Path, data: Path, rows: np.ndarray, tmp_path: Path):
    out, intervals = tmp_path / "x.csv", tmp_path / "i.csv"
    ran = run("impute", ppca, data, "--out", out, "--intervals", intervals)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("Filled 0 missing cells in 0 of 40 rows;")
    np.testing.assert_array_equal(read_array(out), rows)
    assert intervals.read_text() == "row,column,mean,scale,lower,upper\n"


def test_images_with_missing_pixels(run, tmp_path: Path):
    images = np.random.default_rng(0).normal(size=(30, 3, 4))
    images[0, 1, 2] = images[4, 0] = np.nan
    np.save(tmp_path / "x.npy", images)
    fitted = FactorAnalysis(1, max_iter=5, random_state=0).fit(images)
    fitted.save(tmp_path / "m")
    words = ("impute", tmp_path / "m", tmp_path / "x.npy", "--out")
    ran = run(*words, tmp_path / "y.npy")
    assert ran.code == 0, ran.err
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), fitted.impute(images), rtol=1e-12)
    for refused, option in (
        ((tmp_path / "y.csv",), "--out"),
        ((tmp_path / "z.npy", "--intervals", tmp_path / "i.csv"), "--intervals"),
    ):
        ran = run(*words, *refused)
        assert ran.code == 2
        assert ran.err.startswith(f"Error: {option} must be a .npy or .npz file for rows of shape (3, 4)")


def test_the_columns_of_a_mixtures_codes(run, mixture: Path, csv: Path, frame: pandas.DataFrame, tmp_path: Path):
    names = ["y1", "y2", "y3", "y1_z1", "y1_z2", "y2_z1", "y2_z2", "y3_z1", "y3_z2"]
    assert run("encode", mixture, csv, "--out", tmp_path / "z.csv").code == 0
    table = read_table(tmp_path / "z.csv")
    assert list(table.columns) == names
    fitted = load(mixture)
    np.testing.assert_allclose(table.values, fitted.transform(frame), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(table.values[:, :3], fitted.predict_proba(frame), rtol=1e-9, atol=1e-12)
    words = ("sample", mixture, "--n", 50, "--out", tmp_path / "x.csv", "--latents", tmp_path / "l.parquet")
    assert run(*words).code == 0
    drawn = read_table(tmp_path / "l.parquet")
    assert list(drawn.columns) == names
    np.testing.assert_array_equal(np.sort(drawn.values[:, :3], axis=1), np.tile([0.0, 0.0, 1.0], (50, 1)))
    for k in range(3):  # the factors of cluster k are those of its own rows
        of_others = drawn.values[drawn.values[:, k] == 0, 3 + 2 * k : 5 + 2 * k]
        np.testing.assert_array_equal(of_others, 0.0)


@pytest.mark.parametrize("model", ["mixture", "ppca_of_holes"])
def test_evaluate_says_exact_and_leaves_missing_cells_out(
    run, request, model: str, csv: Path, frame: pandas.DataFrame, holes: np.ndarray
):
    folder = request.getfixturevalue(model)
    fitted = load(folder)
    ran = run("evaluate", folder, csv, "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    evidence = fitted.log_evidence(frame)
    assert (found["exact"], found["n_samples"], found["standard_error"]) == (True, 0, 0.0)
    assert found["log_evidence"] == pytest.approx(evidence.value, rel=1e-12)
    assert found["elbo"] == pytest.approx(evidence.value, rel=1e-12)
    errors = (holes - fitted.reconstruct(frame)) / np.nanstd(holes, axis=0)
    assert found["root_mean_square_error"] == pytest.approx(np.sqrt(np.nanmean(errors**2)))
    assert ("active_units" in found) == ("kl_per_dimension" in found) == (model == "ppca_of_holes")
    shown = run("evaluate", folder, csv).out
    assert "nats per row, exact" in shown
    assert "draws per row" not in shown
    assert "effective samples" not in shown
    assert ("active latents" in shown) == (model == "ppca_of_holes")


def test_outliers_are_by_log_evidence_unless_a_detector_says_otherwise(
    run, ppca_of_holes: Path, csv: Path, frame: pandas.DataFrame, tmp_path: Path
):
    """The hyperparameter of PPCA called method is no outlier score."""
    ran = run("outliers", ppca_of_holes, csv, "--out", tmp_path / "s.csv")
    assert ran.code == 0, ran.err
    table = read_table(tmp_path / "s.csv")
    assert table.columns == ("row", "log_evidence")
    np.testing.assert_allclose(table.values[:, 1], -load(ppca_of_holes).score_samples(frame), rtol=1e-12)
    detector = OutlierDetector(PPCA(1), method="kl").fit(frame)
    detector.save(tmp_path / "detector")
    run("outliers", tmp_path / "detector", csv, "--out", tmp_path / "d.csv")
    assert read_table(tmp_path / "d.csv").columns == ("row", "kl")


def test_a_detector_ranks_rows_with_holes_by_its_own_scores(run, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2)) @ rng.normal(size=(2, 4)) + 0.3 * rng.normal(size=(80, 4))
    detector = OutlierDetector(FactorAnalysis(1), contamination=0.1).fit(X)
    detector.save(tmp_path / "detector")
    X[::3, 1] = X[5] = np.nan
    np.save(tmp_path / "rows.npy", X)
    ran = run("outliers", tmp_path / "detector", tmp_path / "rows.npy", "--out", tmp_path / "scores.npy")
    assert ran.code == 0, ran.err
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy"), detector.outlier_scores(X))
