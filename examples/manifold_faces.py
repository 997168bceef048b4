"""The plane of faces: what a VAE with two latents has learned of the Frey faces, a video of one face.

The picture redraws the left half of figure 4 of Kingma and Welling (2014). Each tile is E[x given z], decoded from a grid of
codes z = (z_1, z_2) whose coordinates are quantiles of the prior, evenly spaced in probability.

How to read it: the face should turn and change its expression smoothly from tile to tile; where it jumps, the decoder folds the
plane. The second picture, NAME_latents.png, has the training frames at their posterior means, coloured by time: frames that
follow each other should lie together, and all of them within the circles of the prior.

Neighbouring frames are nearly the same picture, so that rows held out at random would be known already: every fifth block of 131
frames is for testing. `beta` pulls the codes into the prior, without which they lie as far as five standard deviations out, where
the grid does not go; the printed ELBO has weight 1. The pictures show a person: look at them, do not pass them on.

Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv 1312.6114.
"""

import numpy as np
from common import fit, load, options, save

from lowerbound import VAE
from lowerbound.evaluate.codes import quantile_grid
from lowerbound.plots import latent_figure, manifold_figure


def main() -> None:
    chosen = options(__doc__)
    frames = load("frey_faces", quick=chosen.quick)
    vae = VAE(
        latent_dim=2,
        likelihood="gaussian",
        variance="feature",
        dequantize=True,
        network="conv",
        channels=(32, 64),
        hidden=(256,),
        beta=10.0,
        max_epochs=60,
        batch_size=64,
        validation_fraction=0.0,
        random_state=0,
    )
    fit(vae, frames.x_train, quick=chosen.quick)
    n_side = chosen.choose(10, 4)

    elbo = {"training": vae.elbo(frames.x_train).mean(), "test": vae.elbo(frames.x_test).mean()}
    rescaled = {name: value + vae.n_features_in_ * np.log(256) for name, value in elbo.items()}
    for name, value in elbo.items():
        print(f"{name} ELBO {value:.0f} nats; {rescaled[name]:.0f} for pixels from 0 to 1")
    print(vae.health(frames.x_test))
    tiles = vae.inverse_transform(quantile_grid(n_side))
    title = f"Frey faces, two latents. Test ELBO {rescaled['test']:.0f} nats for pixels from 0 to 1"
    save(chosen.out, manifold_figure(tiles, value_range=(0.0, 255.0), title=title), n_colours=32)
    codes = vae.transform(frames.x_train)
    title = "Training frames at their posterior means"
    save(chosen.beside("latents"), latent_figure(codes, np.arange(len(codes)), label_name="frame", title=title))


if __name__ == "__main__":
    main()
