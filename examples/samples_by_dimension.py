"""Digits drawn from VAEs with 2, 5, 10 and 20 latents.

The picture redraws figure 5 of Kingma and Welling (2014): z is drawn from the prior N(0, I), and each tile is E[x given z], the
pixels' probabilities of being white. Nothing else differs between the four models, the seed of z included.

How to read it: a block of few latents shows clean digits of few styles, one of many latents more styles and more tiles that are
no digit, as the encoder leaves holes in a larger space. Looks are not the measure: the captions give the mean ELBO and
log p(x) of test digits, which rise with the latents until the data has no use for more.

Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv 1312.6114.
"""

from common import fit, load, nats, options, save

from lowerbound import VAE
from lowerbound.plots import samples_by_dimension_figure


def main() -> None:
    chosen = options(__doc__)
    mnist = load("mnist", quick=chosen.quick)
    some = mnist.x_test[::10]
    n_side = 7
    tiles, captions = {}, {}
    for latent_dim in (2, 20) if chosen.quick else (2, 5, 10, 20):
        vae = VAE(
            latent_dim=latent_dim,
            likelihood="bernoulli",
            binarize="dynamic",
            hidden=(400, 400),
            max_epochs=25,
            validation_fraction=0.0,
            random_state=0,
        )
        fit(vae, mnist.x_train, quick=chosen.quick)
        elbo = vae.elbo(some).mean()
        evidence = vae.log_evidence(some, n_samples=chosen.choose(1000, 20))
        _, z = vae.sample(n_side**2, random_state=1, return_latents=True)
        tiles[latent_dim] = vae.inverse_transform(z)
        captions[latent_dim] = (
            f"{latent_dim} latents\nELBO {nats(elbo)}\nlog p(x) {nats(evidence.value)} ± {evidence.sampling_error:.1f}"
        )
        print(
            f"test ELBO {elbo:.2f}, log p(x) {evidence.value:.2f} nats, on {len(some)} test digits; Monte Carlo error "
            f"{evidence.standard_error:.2f}, from digit to digit {evidence.sampling_error:.2f}"
        )
    title = "MNIST: E[x given z] with z from the prior; means over test digits in nats"
    figure = samples_by_dimension_figure(tiles, captions=captions, n_side=n_side, value_range=(0.0, 1.0), title=title)
    save(chosen.out, figure, n_colours=16)


if __name__ == "__main__":
    main()
