"""The lines are the recorded numbers; the limits show the later epochs, the last and the best among them."""

import numpy as np
import pytest

from lowerbound.plots import training_figure


def history(n: int = 40) -> dict[str, np.ndarray]:
    epochs = np.arange(1.0, n + 1)
    bound = -100 - 5000 * np.exp(-epochs) - 20 / epochs
    kl = 20 - 10 / epochs
    columns = {"loss": -bound, "bound": bound, "kl": kl, "log_likelihood": bound + kl}
    return columns | {f"validation_{name}": values * 1.01 for name, values in columns.items()}


def curves(axes) -> dict[str, np.ndarray]:
    return {line.get_label(): np.asarray(line.get_ydata()) for line in axes.lines}


def test_panels_hold_the_recorded_numbers():
    recorded = history()
    figure = training_figure(recorded, best_epoch=33, title="a VAE")
    names = ("bound", "log_likelihood", "kl")
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "bound (nats per row)",
        "log p(x given z) (nats)",
        "KL(q ‖ prior) (nats)",
    ]
    for axes, name in zip(figure.axes, names, strict=True):
        np.testing.assert_array_equal(curves(axes)["training"], recorded[name])
        np.testing.assert_array_equal(curves(axes)["validation"], recorded[f"validation_{name}"])
        assert axes.lines[0].get_xdata().tolist() == list(range(1, 41))
        assert [33, 33] in [list(line.get_xdata()) for line in axes.lines]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["training", "validation", "best epoch: 33"]
    assert figure.get_suptitle() == "a VAE"


def test_the_loss_has_a_panel_where_it_is_another_number():
    recorded = history()
    recorded["loss"] = recorded["loss"] + 3 * recorded["kl"]
    assert "loss (nats per row)" in [axes.get_ylabel() for axes in training_figure(recorded).axes]


def test_an_autoencoder_has_one_panel_and_unknown_names_their_own():
    error = np.linspace(5, 1, 9)
    figure = training_figure({"loss": error, "squared_error": error, "validation_squared_error": error})
    assert [axes.get_ylabel() for axes in figure.axes] == ["squared error per row"]
    figure = training_figure({"loss": error, "critic_gap": error * 2})
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss (nats per row)", "critic gap"]


def test_the_first_epochs_do_not_squash_the_rest():
    recorded = history()
    axes = training_figure(recorded, best_epoch=40).axes[0]
    low, high = axes.get_ylim()
    both = np.concatenate([recorded["bound"], recorded["validation_bound"]])
    assert high - low < 0.2 * np.ptp(both)
    outside = (recorded["bound"] < low) | (recorded["validation_bound"] < low)
    assert axes.texts[0].get_text() == f"{outside.sum()} epochs outside"
    assert outside.sum() <= 8
    for name in ("bound", "validation_bound"):
        assert low < recorded[name][-1] < high


@pytest.mark.parametrize("best", [1, 2, 40])
def test_the_best_and_the_last_epoch_are_always_in_sight(best: int):
    bound = np.append(np.full(39, -100.0) + np.arange(39) / 100, -1e6)
    low, high = training_figure({"bound": bound}, best_epoch=best).axes[0].get_ylim()
    assert low < bound[-1] < high
    assert low < bound[best - 1] < high


def test_one_epoch_is_a_point_one_can_see():
    axes = training_figure({"loss": np.array([3.0]), "bound": np.array([-3.0])}, best_epoch=1).axes[0]
    assert axes.lines[0].get_marker() == "o"
    left, right = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if left <= tick <= right] == [1]


def test_epochs_without_a_number_leave_a_gap():
    bound = np.arange(5.0)
    figure = training_figure({"bound": bound, "validation_bound": np.append(bound[:4], np.nan)}, best_epoch=5)
    low, high = figure.axes[0].get_ylim()
    assert low < 0
    assert high > 4
    figure = training_figure({"bound": bound, "validation_bound": np.full(5, np.nan)})
    assert "validation" not in curves(figure.axes[0])
    assert training_figure({"bound": np.full(3, np.nan)}, best_epoch=1).axes


@pytest.mark.parametrize("bound", [np.full(8, -3.0), np.zeros(8), -3.0 + 1e-9 * np.arange(8)])
def test_a_flat_curve_is_not_magnified(bound: np.ndarray):
    low, high = training_figure({"bound": bound}).axes[0].get_ylim()
    assert low < bound.min()
    assert bound.max() < high


@pytest.mark.parametrize(
    ("recorded", "best", "message"),
    [
        ({}, None, r"history of .* must hold one or more vectors of one length; got none"),
        ({"a": np.ones(3), "b": np.ones(2)}, None, r"vectors of one length; got a: 3, b: 2"),
        ({"a": np.ones(0)}, None, r"history\['a'\] of .* one or more epochs; got shape \(0,\)"),
        ({"a": np.ones((2, 2))}, None, r"history\['a'\] of .* got shape \(2, 2\)"),
        ({"a": np.array(["x"])}, None, r"history\['a'\] of .* array of numbers"),
        ({"a": np.ones(3)}, 4, r"best_epoch of .* 1 to 3; got 4"),
        ({"a": np.ones(3)}, 0, r"best_epoch of .* 1 to 3; got 0"),
    ],
)
def test_what_is_no_history_is_an_error(recorded: dict, best: int | None, message: str):
    with pytest.raises(ValueError, match=message):
        training_figure(recorded, best_epoch=best)


def test_expectation_maximization_has_one_panel_of_iterations():
    log_evidence = np.append(-1e5, np.linspace(-11.0, -10.0, 29))
    figure = training_figure({"loss": -log_evidence, "log_evidence": log_evidence}, step="iteration")
    (axes,) = figure.axes
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("log p(x) (nats per row)", "iteration")
    np.testing.assert_array_equal(curves(axes)["training"], log_evidence)
    assert [text.get_text() for text in axes.texts] == ["1 iteration outside"]
