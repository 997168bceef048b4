"""Typical and odd digits: the test digits whose codes cost least and most.

The score of a digit is KL(q(z given x) || N(0, I)), the nats that its code takes beyond the prior. It is the score of the lecture
slides, and the default of `outlier_scores`.

How to read it: what the prior expects is cheap, and what lies far out, or must be told with great precision, is dear. The lower
row has the plainest digits, as a rule the figure 1, which a few nats describe; the upper row has the large, the thick, the rare
and the malformed. KL is not log p(x): it says how strange the code is, not how well the code explains the digit.
`--method` of `lowerbound outliers` has the other scores.

Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv 1312.6114, for the bound whose second term this is.
"""

import numpy as np
from common import fit, load, options, save

from lowerbound import VAE
from lowerbound.plots import outlier_figure


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

    kl = vae.outlier_scores(mnist.x_test, method="kl")
    for name, rows in (("least", np.argsort(kl)[:8]), ("most", np.argsort(-kl)[:8])):
        words = ", ".join(f"row {row} (a {mnist.y_test[row]}) {kl[row]:.1f}" for row in rows)
        print(f"{name} outlying, KL in nats: {words}")
    print("mean KL by digit: " + ", ".join(f"{digit}: {kl[mnist.y_test == digit].mean():.1f}" for digit in range(10)))
    title = f"MNIST: the {len(kl)} test digits' extremes; median KL {np.median(kl):.1f} nats"
    save(chosen.out, outlier_figure(mnist.x_test, kl, method="kl", title=title), n_colours=16)


if __name__ == "__main__":
    main()
