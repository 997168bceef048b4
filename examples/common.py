"""What every example shares: its two options, its data set, and small pictures.

Each script draws one figure and prints the numbers beside it. `--out` names the picture, by default build/examples/SCRIPT.png;
`--quick` takes a few rows and epochs, to see in seconds that the script runs: its picture shows nothing yet. The data sets are
those of `lowerbound.data.catalog`: found in the folder that LOWERBOUND_DATA names.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from lowerbound import VAE
from lowerbound.data.catalog import NamedData, load_named
from lowerbound.plots import write_figure

QUICK_EPOCHS, QUICK_ROWS = 1, 300


class Options(NamedTuple):
    """Path of the picture, and whether a glance is enough."""

    out: Path
    quick: bool

    def choose(self, full: int, quick: int) -> int:
        """The first number, or the second with --quick."""
        return quick if self.quick else full

    def beside(self, word: str) -> Path:
        """The path of a further picture: NAME_word.png."""
        return self.out.with_stem(f"{self.out.stem}_{word}")


def options(doc: str | None) -> Options:
    """--out and --quick of the script that is running."""
    script = Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build") / "examples" / f"{script}.png", metavar="FILE.png")
    parser.add_argument("--quick", action="store_true", help="few rows and epochs: seconds, and no result")
    arguments = parser.parse_args()
    if arguments.out.suffix.lower() != ".png":
        parser.error(f"--out must end in .png; got {arguments.out}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    warnings.formatwarning = lambda message, category, *_, **__: f"{category.__name__}: {message}\n"  # without the code
    return Options(arguments.out, arguments.quick)


def load(name: str, *, quick: bool) -> NamedData:
    """A named data set, or one line about where it should be, and exit code 2; with quick its first rows of either part."""
    try:
        data = load_named(name)
    except (OSError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    if not quick:
        return data
    x_train, x_test = data.x_train[:QUICK_ROWS], data.x_test[:QUICK_ROWS]
    y_train, y_test = (None if y is None else y[:QUICK_ROWS] for y in (data.y_train, data.y_test))
    return NamedData(x_train, y_train, x_test, y_test, data.description, data.source)


def fit(vae: VAE, images: np.ndarray, *, quick: bool) -> VAE:
    """Fit the VAE with a progress bar where a person watches, and say how it ended; with quick for one epoch."""
    vae.set_params(verbose=sys.stderr.isatty())
    if quick:
        vae.set_params(max_epochs=QUICK_EPOCHS)
    start = time.perf_counter()
    vae.fit(images)
    seconds = time.perf_counter() - start
    print(f"{vae.latent_dim} latents: {vae.n_iter_} epochs on {len(images)} images in {seconds:.0f} s")
    return vae


def nats(value: float, digits: int = 1) -> str:
    """A number with a minus sign, for titles and captions."""
    return f"{value:.{digits}f}".replace("-", "−")


def save(path: Path, figure: Figure, *, n_colours: int = 64) -> None:
    """Write the figure as a PNG with a palette of few colours: a third of the size or less."""
    write_figure(path, figure)
    method = Image.Quantize.MAXCOVERAGE  # keeps rare colours apart, such as those of a legend
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(n_colours, method=method, kmeans=4, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
