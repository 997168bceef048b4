"""The plane of handwritten digits: what a VAE with two latents has learned of MNIST.

The picture redraws figure 4 of Kingma and Welling (2014). Each tile is E[x given z], the pixels' probabilities of being white,
decoded from a grid of codes z = (z_1, z_2). The grid's coordinates are quantiles of the prior, evenly spaced in probability, so
that each tile stands for the same share of N(0, I).

How to read it: neighbours are digits that the model takes for similar; a digit that fills many tiles takes up much of the
prior; on the borders one shape turns into another. The second picture, NAME_latents.png, shows test digits at their posterior
means in the same plane, coloured by labels that the model never saw: clusters are digits, overlaps are digits that two latents
cannot tell apart.

Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv 1312.6114.
"""

from common import fit, load, nats, options, save

from lowerbound import VAE
from lowerbound.evaluate.codes import quantile_grid
from lowerbound.plots import latent_figure, manifold_figure


def main() -> None:
    chosen = options(__doc__)
    mnist = load("mnist", quick=chosen.quick)
    vae = VAE(
        latent_dim=2,
        likelihood="bernoulli",
        binarize="dynamic",
        hidden=(500, 500),
        max_epochs=30,
        validation_fraction=0.0,
        random_state=0,
    )
    fit(vae, mnist.x_train, quick=chosen.quick)
    n_side = chosen.choose(12, 4)
    some = slice(None, None, chosen.choose(5, 1))

    elbo = vae.elbo(mnist.x_test).mean()
    print(f"test ELBO {elbo:.1f} nats, of {len(mnist.x_test)} binarized test digits")
    tiles = vae.inverse_transform(quantile_grid(n_side))
    title = f"MNIST, two latents: E[x given z] on quantiles of the prior. Test ELBO {nats(elbo)} nats"
    save(chosen.out, manifold_figure(tiles, value_range=(0.0, 1.0), title=title), n_colours=14)
    codes = vae.transform(mnist.x_test[some])
    title = f"{len(codes)} test digits at their posterior means"
    scatter = latent_figure(codes, mnist.y_test[some], label_name="digit", title=title)
    save(chosen.beside("latents"), scatter)


if __name__ == "__main__":
    main()
