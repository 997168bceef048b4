"""Digits with half of their pixels missing: what is left of them, and what a VAE that never saw a whole digit makes of the rest.

A pixel of every training and test digit is taken away by the toss of a coin. The VAE is fitted to what is left, by the bound
over observed pixels; its encoder sees the pixels and which of them were observed. The first row holds a test digit of each
class with its holes in grey, the second the holes at their mean given the observed pixels, the third one joint draw of them,
the last the digit.

How to read it: where the observed pixels decide, mean and draw agree with the digit; where they do not, the mean is grey and the
draw takes a side. The error is that of the missing pixels, in grey levels from 0 to 1, beside that of each pixel's mean.

Reference: P.-A. Mattei, J. Frellsen, "MIWAE: deep generative modelling and imputation of incomplete data sets", ICML 2019.
"""

import numpy as np
from common import fit, load, options, save

from lowerbound import VAE
from lowerbound.plots import sample_figure

SHARE = 0.5


def holed(images: np.ndarray, *, seed: int) -> np.ndarray:
    """The images in [0, 1] with NaN for half of their pixels."""
    missing = np.random.default_rng(seed).random(images.shape) < SHARE
    return np.where(missing, np.nan, images / 255.0)


def main() -> None:
    chosen = options(__doc__)
    mnist = load("mnist", quick=chosen.quick)
    train, test = holed(mnist.x_train, seed=0), holed(mnist.x_test, seed=1)
    vae = VAE(
        latent_dim=20,
        likelihood="bernoulli",
        binarize="dynamic",
        hidden=(400, 400),
        max_epochs=25,
        validation_fraction=0.0,
        random_state=0,
    )
    fit(vae, train, quick=chosen.quick)

    looked_at = np.arange(0, len(test), max(1, len(test) // 1000))
    real, some = mnist.x_test[looked_at] / 255.0, test[looked_at]
    missing = np.isnan(some)
    means = np.broadcast_to(np.nanmean(train, axis=0), some.shape)
    for name, filled in (("VAE", vae.impute(some)), ("mean of the pixel", means)):
        print(
            f"{name}: root mean square error of the missing pixels {np.sqrt(np.mean((filled - real)[missing] ** 2)):.3f}"
        )

    one_of_each = np.unique(mnist.y_test, return_index=True)[1]
    rows = test[one_of_each]
    pictures = [
        np.where(np.isnan(rows), 0.5, rows),
        vae.impute(rows),
        vae.impute(rows, n_draws=1)[:, 0],
        mnist.x_test[one_of_each] / 255.0,
    ]
    figure = sample_figure(np.concatenate(pictures), n_columns=len(one_of_each), value_range=(0.0, 1.0))
    save(chosen.out, figure, n_colours=16)


if __name__ == "__main__":
    main()
