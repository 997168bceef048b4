"""One latent at a time: what each of ten latents of a VAE does to a digit.

Every row moves one latent from -2.5 to 2.5 and leaves the others at the posterior mean of one test digit; the tiles are
E[x given z]. Rows come in the order of their KL, the nats that a latent carries on average; latents that carry nothing are left
out.

How to read it: along a row something changes, such as slant, width, or one class into another; the middle is not the digit
itself but the digit with that latent at 0. Latents near the top carry most. Nothing makes a latent of a plain VAE mean one thing:
its prior is the same after a rotation, and so the rows mix causes.

After the lecture slides on the plain VAE, and Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv 1312.6114.
"""

import numpy as np
from common import fit, load, options, save

from lowerbound import VAE
from lowerbound.evaluate.codes import most_active, traversal_codes
from lowerbound.plots import traversal_figure

DIGIT = 0  # the test row that is walked away from, a 7


def main() -> None:
    chosen = options(__doc__)
    mnist = load("mnist", quick=chosen.quick)
    vae = VAE(
        latent_dim=10,
        likelihood="bernoulli",
        binarize="dynamic",
        hidden=(400, 400),
        max_epochs=25,
        validation_fraction=0.0,
        random_state=0,
    )
    fit(vae, mnist.x_train, quick=chosen.quick)

    health = vae.health(mnist.x_test)
    print(f"test ELBO {vae.elbo(mnist.x_test).mean():.2f} nats")
    print(health)
    dimensions = most_active(health.kl_per_dimension, n=max(1, health.active_units))
    values = np.linspace(-2.5, 2.5, 11)
    center = vae.transform(mnist.x_test[DIGIT : DIGIT + 1])[0]
    codes = traversal_codes(center, dimensions, values=values)
    images = vae.inverse_transform(codes.reshape(-1, vae.latent_dim)).reshape(*codes.shape[:2], 28, 28)
    figure = traversal_figure(
        images,
        dimensions=dimensions,
        values=values,
        kl=health.kl_per_dimension[dimensions],
        value_range=(0.0, 1.0),
        title=f"MNIST, {vae.latent_dim} latents: one moved at a time, from the code of a test {mnist.y_test[DIGIT]}",
    )
    save(chosen.out, figure, n_colours=16)


if __name__ == "__main__":
    main()
