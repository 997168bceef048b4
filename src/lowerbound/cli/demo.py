"""``lowerbound demo``: from embedded digits to a fitted VAE, its held-out log p(x), outliers, and a picture."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from lowerbound.cli import console
from lowerbound.cli.evaluate import cautions, measure
from lowerbound.cli.fit import report_fit
from lowerbound.data.catalog import load_named

_TOP = 5
_COLUMNS = 10
Images = Callable[[np.ndarray], np.ndarray]


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the model, the picture and the rows.")] = Path(
        "lowerbound-demo"
    ),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Fit a VAE to handwritten digits, score held-out ones, and draw (about 20 seconds).

    The same machine prints the same numbers every time. A folder from an earlier demo is written anew.
    """
    _check_folder(out)
    from sklearn.feature_selection import VarianceThreshold

    from lowerbound import VAE

    digits = load_named("digits")
    varying = VarianceThreshold().fit(digits.x_train)
    train, test = varying.transform(digits.x_train), varying.transform(digits.x_test)
    console.say(
        f"Digits: {len(train)} training and {len(test)} test images of 8 x 8 grey levels, 0 to 16. "
        f"{digits.x_train.shape[1] - train.shape[1]} of the 64 pixels never vary and are left out."
    )
    vae = VAE(
        latent_dim=10,
        variance="network",
        dequantize=True,
        hidden=(128, 128),
        activation="silu",
        batch_size=64,
        learning_rate=3e-3,
        random_state=0,
        verbose=not quiet,
    )
    console.say("Fitting VAE(latent_dim=10, variance='network', dequantize=True, hidden=(128, 128)) …")
    start = time.perf_counter()
    vae.fit(train)
    report_fit(vae)
    console.say(f"The fit took {time.perf_counter() - start:.1f} s, compiling included.")
    vae.set_params(verbose=False)

    with console.messages.status("estimating held-out log p(x) …"):
        measured = measure(vae, test, n_samples=1000)
        kl = vae.outlier_scores(test, method="kl")
    shown = f"{measured['log_evidence']:.2f} ± {measured['standard_error']:.2f}"
    console.say("")
    console.say(f"Held-out log p(x) = {shown} nats per image", style="bold")
    console.say(f"  ± {measured['sampling_error']:.2f} for other images from the same source")
    console.say(f"  ELBO {measured['elbo']:.2f}; {measured['base_measure']}, {train.shape[1]} pixels")
    for sentence in cautions(measured):
        console.say(sentence)
    console.say("")
    # (placeholder replaced below)
