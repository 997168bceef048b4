"""Figures from arrays of numbers: matplotlib figures without global state, loaded on use."""

from lowerbound.plots.figure_file import write_figure
from lowerbound.plots.images import reconstruction_figure
from lowerbound.plots.latents import latent_figure
from lowerbound.plots.loadings import loadings_figure
from lowerbound.plots.manifold import manifold_figure
from lowerbound.plots.outliers import outlier_figure
from lowerbound.plots.samples import sample_figure, samples_by_dimension_figure
from lowerbound.plots.scores import score_figure
from lowerbound.plots.tables import marginals_figure
from lowerbound.plots.training import training_figure
from lowerbound.plots.traversal import traversal_figure

__all__ = [
    "latent_figure",
    "loadings_figure",
    "manifold_figure",
    "marginals_figure",
    "outlier_figure",
    "reconstruction_figure",
    "sample_figure",
    "samples_by_dimension_figure",
    "score_figure",
    "training_figure",
    "traversal_figure",
    "write_figure",
]
