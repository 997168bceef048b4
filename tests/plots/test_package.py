"""Figures belong to no window, need no global state, and are the same twice."""

import subprocess
import sys
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from matplotlib.figure import Figure

from lowerbound import plots

rng = np.random.default_rng(0)
IMAGES, CODES = rng.uniform(size=(16, 4, 4)), rng.normal(size=(16, 2))

FIGURES: dict[str, Callable[[], Figure]] = {
    "latent_figure": lambda: plots.latent_figure(CODES, np.arange(16) % 3, scales=np.ones((16, 2)), title="title"),
    "loadings_figure": lambda: plots.loadings_figure(
        np.tanh(CODES), names=[f"a long name of column {j}" for j in range(16)], noise=np.full(16, 0.5), title="title"
    ),
    "manifold_figure": lambda: plots.manifold_figure(IMAGES, title="title"),
    "marginals_figure": lambda: plots.marginals_figure(CODES, CODES[:9], title="title"),
    "outlier_figure": lambda: plots.outlier_figure(IMAGES, CODES[:, 0], title="title"),
    "reconstruction_figure": lambda: plots.reconstruction_figure(IMAGES, IMAGES, IMAGES, title="title"),
    "sample_figure": lambda: plots.sample_figure(IMAGES, title="title"),
    "samples_by_dimension_figure": lambda: plots.samples_by_dimension_figure({2: IMAGES, 5: IMAGES}, title="title"),
    "score_figure": lambda: plots.score_figure(CODES[:, 0], labels=np.arange(16) % 2, threshold=1.0, title="title"),
    "training_figure": lambda: plots.training_figure({"bound": CODES[:, 0]}, best_epoch=3, title="title"),
    "traversal_figure": lambda: plots.traversal_figure(
        IMAGES[:6].reshape(2, 3, 4, 4), dimensions=[0, 1], values=[-1, 0, 1], kl=[2, 1], title="title"
    ),
}


def test_every_figure_of_the_package_is_here():
    assert {*FIGURES, "write_figure"} == set(plots.__all__)


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_numbers_give_the_same_picture(name: str):
    def picture() -> bytes:
        file = BytesIO()
        FIGURES[name]().savefig(file, format="png", dpi=60)
        return file.getvalue()

    assert picture() == picture()


@pytest.mark.parametrize("name", FIGURES)
def test_words_stay_on_the_paper(name: str):
    figure = FIGURES[name]()
    figure.draw_without_rendering()
    tight = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert tight.x0 >= -0.01
    assert tight.y0 >= -0.01
    assert tight.x1 <= width + 0.01
    assert tight.y1 <= height + 0.01


@pytest.mark.parametrize("name", FIGURES)
def test_no_argument_is_changed(name: str):
    before = IMAGES.copy(), CODES.copy()
    FIGURES[name]()
    np.testing.assert_array_equal(IMAGES, before[0])
    np.testing.assert_array_equal(CODES, before[1])


def test_no_window_system_is_loaded():
    code = "import sys, lowerbound.plots; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
