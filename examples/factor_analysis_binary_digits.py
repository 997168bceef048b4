"""Factor analysis of binary digits: how far a linear model with Gaussian noise goes on pixels that are black or white.

A warm-up for the VAE. The pixels of MNIST are cut at half of white, those that never change are left out, and 20 factors are
fitted, x = mu + W z + noise, to the maximum of the likelihood. The picture has the three rows by which the VAE is shown: a test
digit of each class, E[x given z] at its posterior mean, which is linear in x, and E[x given z] for z drawn from the prior. A
second one, NAME_loadings.png, shows columns of W as images: grey is 0, white pushes a pixel up, black pulls it down.

How to read it. Right: the model has found which pixels go together; reconstructions keep slant and rough shape, and turned by
varimax many factors are strokes or parts of them. Wrong: nothing keeps a mean between 0 and 1 (the picture clips it, and the
share outside is printed); what is drawn is mostly smears, since a sum of strokes does not know that one excludes another; and
log p(x) is a density, which for bits means nothing beside the mass of a Bernoulli model.

D. B. Rubin, D. T. Thayer, EM algorithms for ML factor analysis, Psychometrika 47, 1982.
"""

import numpy as np
from common import load, nats, options, save

from lowerbound import FactorAnalysis
from lowerbound.plots import reconstruction_figure, sample_figure

LATENTS, SHOWN = 20, 10


def main() -> None:
    chosen = options(__doc__)
    mnist = load("mnist", quick=chosen.quick)
    train, test = (images.reshape(len(images), -1) > 127 for images in (mnist.x_train, mnist.x_test))
    kept = train.any(axis=0) & ~train.all(axis=0)
    shape = mnist.x_train.shape[1:]

    def images(columns: np.ndarray) -> np.ndarray:
        """Columns that were kept as images; the others are 0, as in nearly all rows."""
        whole = np.zeros((len(columns), len(kept)))
        whole[:, kept] = columns
        return whole.reshape(-1, *shape)

    plain, turned = (
        FactorAnalysis(LATENTS, rotation=rotation, random_state=0).fit(train[:, kept]) for rotation in (None, "varimax")
    )
    print(
        f"{LATENTS} factors of {kept.sum()} pixels on {len(train)} images in {plain.fit_seconds_:.1f} s: {plain.status_}"
    )
    back = plain.reconstruct(test[:, kept])
    error = np.sqrt(np.mean((back - test[:, kept]) ** 2))
    outside = np.mean((back < 0) | (back > 1))
    print(f"root mean squared error {error:.3f}, of guessing the mean {test[:, kept].std(axis=0).mean():.3f}")
    print(f"{outside:.0%} of the reconstructed pixels are below 0 or above 1")
    evidence = plain.log_evidence(test[:, kept])
    print(
        f"log p(x) {evidence.value:.0f} nats, a density on the reals: not to be held against the mass of a Bernoulli model"
    )

    one_of_each = np.unique(mnist.y_test, return_index=True)[1]
    _, z = plain.sample(len(one_of_each), random_state=0, return_latents=True)
    figure = reconstruction_figure(
        test[one_of_each].reshape(-1, *shape).astype(float),
        images(back[one_of_each]),
        images(plain.inverse_transform(z)),
        value_range=(0.0, 1.0),
        title=f"Binary MNIST, {LATENTS} factors: E[x given z], clipped to 0 … 1. Test error {nats(error, 2)}",
    )
    save(chosen.out, figure, n_colours=16)
    loadings = np.concatenate([fitted.loadings_.T[:SHOWN] for fitted in (plain, turned)])
    largest = float(np.abs(loadings).max())
    figure = sample_figure(
        images(loadings),
        n_columns=SHOWN,
        value_range=(-largest, largest),
        title=f"{SHOWN} of {LATENTS} columns of W: above, the most informative first; below, turned by varimax",
    )
    save(chosen.beside("loadings"), figure, n_colours=16)


if __name__ == "__main__":
    main()
