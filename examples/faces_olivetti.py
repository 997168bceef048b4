"""Faces of 64 x 64 pixels by a convolutional VAE: reconstructions of people it has never seen, and samples.

The Olivetti faces are ten pictures each of 40 people. Every eighth person is held out with all ten pictures; the others, and
their mirror images, are for training. The three rows are pictures of the held-out people, their reconstructions E[x given z]
at the posterior mean, and E[x given z] for z drawn from the prior N(0, I).

How to read it: 35 people are few. A reconstruction has the pose, the light and the kind of face, but not the person: it is a
smooth face from the span of the training people. The samples are blurred faces of no one in particular. The printed ELBO (of
weight 1) and errors of training and held-out people say the same in numbers: between them lies what was learned by heart.
`beta` holds that in check; without it the samples are blotches. The picture shows people: look at it, do not pass it on.

After the lecture slides on the plain VAE, and Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv 1312.6114.
"""

import numpy as np
from common import fit, load, options, save

from lowerbound import VAE
from lowerbound.plots import reconstruction_figure


def main() -> None:
    chosen = options(__doc__)
    faces = load("olivetti_faces", quick=False)
    images, person = np.concatenate([faces.x_train, faces.x_test]), np.concatenate([faces.y_train, faces.y_test])
    order = np.argsort(person, kind="stable")
    images, person = images[order], person[order]
    held_out = person % 8 == 7
    train, test = images[~held_out][: chosen.choose(400, 40)], images[held_out]
    mirrored = np.concatenate([train, train[:, :, ::-1]])
    vae = VAE(
        latent_dim=24,
        likelihood="gaussian",
        variance="feature",
        dequantize=True,
        network="conv",
        channels=(32, 64, 128),
        hidden=(256,),
        beta=10.0,
        max_epochs=60,
        batch_size=32,
        validation_fraction=0.0,
        random_state=0,
    )
    fit(vae, mirrored, quick=chosen.quick)

    for name, rows in (("training", train), ("held-out", test)):
        error = np.sqrt(np.mean((vae.reconstruct(rows) - rows.astype(float)) ** 2))
        print(f"{name} people: ELBO {vae.elbo(rows).mean():.0f} nats, root mean squared error {error:.1f} grey levels")
    print(vae.health(test))
    shown = np.arange(len(test))[::5]  # two pictures of each person
    _, z = vae.sample(len(shown), random_state=0, return_latents=True)
    figure = reconstruction_figure(
        test[shown],
        vae.reconstruct(test[shown]),
        vae.inverse_transform(z),
        value_range=(0.0, 255.0),
        title=f"Olivetti faces, {vae.latent_dim} latents: held-out people, their reconstructions, and generated faces",
    )
    save(chosen.out, figure, n_colours=32)


if __name__ == "__main__":
    main()
