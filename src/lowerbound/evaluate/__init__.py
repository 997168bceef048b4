"""From a fitted model and rows to numbers: evidence, reconstructions, outlier scores, health."""
