"""Every row is counted in one bar, whatever the tail."""

import numpy as np
import pytest

from lowerbound.plots import score_figure


def counts(axes) -> int:
    return int(sum(bar.get_height() for bar in axes.patches))


def heavy(n: int = 500) -> np.ndarray:
    return np.random.default_rng(0).standard_cauchy(n) * 3


@pytest.mark.parametrize(
    "scores",
    [
        np.random.default_rng(0).exponential(size=300),
        heavy(),
        np.ones(7),
        np.append(np.ones(99), 1e6),
        np.array([3.0]),
        np.arange(10),
        np.array([-1e9, 1.0, 2.0, 3.0, 1e12]),
    ],
    ids=["exponential", "cauchy", "constant", "one far out", "single", "integers", "huge"],
)
def test_bars_sum_to_the_rows(scores: np.ndarray):
    assert counts(score_figure(scores).axes[0]) == len(scores)


def test_bars_count_what_lies_between_their_edges():
    scores = heavy()
    for bar in score_figure(scores).axes[0].patches:
        if bar.get_hatch() is None:
            left, right = bar.get_x(), bar.get_x() + bar.get_width()
            inside = ((scores >= left + 1e-9) & (scores <= right - 1e-9)).sum()
            assert bar.get_height() == inside


def test_a_heavy_tail_is_folded_into_a_bar_that_says_so():
    scores = heavy()
    axes = score_figure(scores).axes[0]
    low, high = axes.get_xlim()
    assert high - low < 0.2 * np.ptp(scores)
    below, above = (text.get_text() for text in axes.texts)
    hatched = [bar for bar in axes.patches if bar.get_hatch()]
    assert below.startswith(f"{int(hatched[0].get_height())} below −")
    assert below.endswith(f"smallest −{-scores.min():.1f}")
    assert above.startswith(f"{int(hatched[1].get_height())} above ")
    assert above.endswith(f"largest {scores.max():.1f}")
    assert all(low < tick < high for tick in axes.get_xticks())


def test_labels_split_the_rows_and_the_threshold_counts_each_part():
    scores = np.concatenate([np.zeros(90), np.full(10, 5.0)])
    labels = np.concatenate([np.zeros(85, int), np.ones(15, int)])
    figure = score_figure(scores, labels=labels, threshold=2)
    inliers, outliers = figure.axes
    assert (counts(inliers), counts(outliers)) == (85, 15)
    assert [axes.texts[-1].get_text() for axes in figure.axes] == ["0 of 85 above 2", "10 of 15 above 2"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["inliers", "outliers"]
    assert inliers.get_xlim() == outliers.get_xlim()


@pytest.mark.parametrize("threshold", [-40.0, 0.5, 40.0])
def test_the_threshold_is_always_in_sight(threshold: float):
    axes = score_figure(np.random.default_rng(0).uniform(size=100), threshold=threshold).axes[0]
    low, high = axes.get_xlim()
    assert low < threshold < high
    assert counts(axes) == 100


def test_one_kind_alone_draws():
    figure = score_figure(np.arange(5.0), labels=[0, 0, 0, 0, 0], method="elbo")
    assert [counts(axes) for axes in figure.axes] == [5, 0]
    assert figure.axes[1].get_xlabel() == "outlier score: −ELBO(x) (nats)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": np.zeros(0)}, r"scores of .* one or more numbers; got shape \(0,\)"),
        ({"scores": np.array([1.0, np.inf, 2.0])}, r"scores of .* must be finite; got 1"),
        ({"labels": [0, 1]}, r"labels of .* one number per row = 3; got 2"),
        ({"labels": [0, 1, -1]}, r"labels of .* 0 \(inlier\) or 1 \(outlier\); got \[-1"),
        ({"threshold": np.nan}, r"threshold of .* must be finite; got nan"),
    ],
)
def test_what_does_not_fit_is_an_error(change: dict, message: str):
    with pytest.raises(ValueError, match=message):
        score_figure(**({"scores": np.arange(3.0)} | change))
