"""Real digits, their reconstructions, and generated digits: the three rows by which a VAE is shown.

The first row holds one test digit of each class; the second E[x given z] at its posterior mean; the third E[x given z] for z
drawn from the prior N(0, I).

How to read it: a reconstruction is smoother than its digit, for pixels that the code does not determine become their mean; it
should keep class, slant and width of the stroke. The third row shows what the decoder makes of codes that no digit was asked
for: the further it falls behind the second, the further are the codes of the data from the prior.

After the lecture slides on the plain VAE, and Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv 1312.6114.
"""

import numpy as np
from common import fit, load, nats, options, save

from lowerbound import VAE
from lowerbound.plots import reconstruction_figure


def main() -> None:
    chosen = options(__doc__)
    mnist = load("mnist", quick=chosen.quick)
    vae = VAE(
        latent_dim=20,
        likelihood="bernoulli",
        binarize="dynamic",
        hidden=(400, 400),
        max_epochs=25,
        validation_fraction=0.0,
        random_state=0,
    )
    fit(vae, mnist.x_train, quick=chosen.quick)

    elbo = vae.elbo(mnist.x_test)
    print(f"test ELBO {elbo.mean():.2f} nats, of {len(elbo)} binarized test digits")
    print(vae.health(mnist.x_test))
    one_of_each = np.unique(mnist.y_test, return_index=True)[1]
    real = mnist.x_test[one_of_each]
    _, z = vae.sample(len(real), random_state=0, return_latents=True)
    figure = reconstruction_figure(
        real / 255.0,
        vae.reconstruct(real),
        vae.inverse_transform(z),
        value_range=(0.0, 1.0),
        title=f"MNIST, {vae.latent_dim} latents. Test ELBO {nats(elbo.mean())} nats",
    )
    save(chosen.out, figure, n_colours=16)


if __name__ == "__main__":
    main()
