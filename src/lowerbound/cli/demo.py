"""``lowerbound demo``: from embedded digits to a fitted VAE, its held-out log p(x), outliers, a picture, and its rivals."""

import shlex
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from lowerbound.cli import console
from lowerbound.cli.files import check_new_model
from lowerbound.cli.fit import EXIT_CODES, report_fit
from lowerbound.cli.outliers import most_outlying
from lowerbound.data.catalog import load_named
from lowerbound.data.files import write_array

_N_OUTLIERS, _N_DRAWN, _N_SAMPLES = 5, 10, 1000


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the model, the picture and the rows.")] = Path(
        "lowerbound-demo"
    ),
    max_epochs: Annotated[int, typer.Option("--max-epochs", help="Fewer for a quick look.")] = 100,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Fit a VAE to handwritten digits, score held-out ones, draw, and compare it with simpler models: half a minute.

    The same machine prints the same numbers every time. The folder of an earlier demo is written anew.
    """
    from lowerbound.report import write_report
    from lowerbound.report.measure import measure

    model, picture, page = out / "model", out / "digits.png", out / "report.html"
    train_file, test_file = out / "train.npy", out / "test.npy"
    _check_folder(out, model)
    from sklearn.feature_selection import VarianceThreshold

    digits = load_named("digits")
    varying = VarianceThreshold().fit(digits.x_train)
    train, test = varying.transform(digits.x_train), varying.transform(digits.x_test)
    n_pixels = digits.x_train.shape[1]
    console.say(
        f"Digits: {len(train)} training and {len(test)} test images of {n_pixels} grey levels, 0 to 16; "
        f"{n_pixels - train.shape[1]} pixels never vary and are left out."
    )
    labels = np.asarray(digits.y_test, int)
    vae = _fit(train, max_epochs=max_epochs, quiet=quiet)
    with console.working("estimating held-out log p(x)"):
        measured = measure(vae, test, n_samples=_N_SAMPLES)
    _print_evidence(measured, n_pixels=train.shape[1])
    _print_outliers(vae, test, labels)

    def images(rows: np.ndarray) -> np.ndarray:
        """Pixels as 8 x 8 images, the left-out ones at their constant value."""
        whole = np.tile(digits.x_train[0].astype(np.float64), (len(rows), 1))
        whole[:, varying.get_support()] = rows
        return whole.reshape(-1, 8, 8)

    out.mkdir(parents=True, exist_ok=True)
    vae.save(model)
    write_array(train_file, train)
    write_array(test_file, test)
    one_of_each = np.unique(labels, return_index=True)[1]
    title = f"held-out log p(x) = {_evidence_text(measured)} nats per image"
    _draw(vae, test[one_of_each], images, picture, title=title)
    console.say(f"{picture}: a test image of each digit, their reconstructions, and images drawn from p(x).")
    with console.working("writing the report") as shown:
        write_report(
            vae,
            test,
            page,
            labels=labels,
            images=images,
            n_samples=_N_SAMPLES,
            data_name="digits (test rows)",
            command=console.command_line(),
            overwrite=True,
            progress=lambda step: shown.update(f"the report: {step} …"),
        )
    console.say(f"{page}: all of this and more on one page; open it in a browser.")
    console.say(f"{model}: the fitted VAE; {train_file}, {test_file}: the rows.")
    _print_comparison(vae, train, test)
    console.say("")
    console.say("Try next:", style="bold")
    for words in (
        ("outliers", model, test_file, "--method", "log_evidence", "--top", 5),
        ("sample", model, "--n", 1000, "--out", out / "drawn.npy", "--latents", out / "latents.npy"),
        ("fit", "vae", train_file, "--out", out / "plane", "--dequantize", "--variance", "network", "--max-epochs", 50),
    ):
        console.say(f"  lowerbound {shlex.join(map(str, words))}")
    raise typer.Exit(EXIT_CODES[vae.status_.code])


def _check_folder(out: Path, model: Path) -> None:
    """Raise unless ``out`` is new, empty, or the folder of an earlier demo."""
    if out.is_dir() and any(out.iterdir()) and not (model / "model.json").is_file():
        raise ValueError(
            f"--out must be a new folder, or that of an earlier demo; {out} holds other files. Choose another."
        )
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out must be a folder; {out} is a file. Choose another.")
    check_new_model(model, overwrite=True)


def _fit(train: np.ndarray, *, max_epochs: int, quiet: bool) -> Any:
    from lowerbound import VAE

    vae = VAE(
        latent_dim=10,
        variance="network",
        dequantize=True,
        hidden=(128, 128),
        activation="silu",
        max_epochs=max_epochs,
        batch_size=64,
        learning_rate=5e-3,
        random_state=0,
        verbose=not quiet,
    )
    console.say("Fitting VAE(latent_dim=10, variance='network', dequantize=True, hidden=(128, 128), activation='silu')")
    start = time.perf_counter()
    vae.fit(train)
    report_fit(vae)
    console.say(f"The fit took {time.perf_counter() - start:.1f} s, compiling included.")
    return vae.set_params(verbose=False)


def _evidence_text(measured: dict[str, Any]) -> str:
    return f"{measured['log_evidence']:.2f} ± {measured['standard_error']:.2f}"


def _print_evidence(measured: dict[str, Any], *, n_pixels: int) -> None:
    console.say("")
    console.say(f"Held-out log p(x) = {_evidence_text(measured)} nats per image", style="bold")
    console.say(
        f"  ± {measured['sampling_error']:.2f} for other images from the same source; ELBO {measured['elbo']:.2f}"
    )
    console.say(f"  {measured['base_measure']}; {n_pixels} pixels; {measured['n_samples']} draws per image")
    from lowerbound.report.measure import cautions

    for sentence in cautions(measured):
        console.say(sentence)


def _print_outliers(vae: Any, test: np.ndarray, labels: np.ndarray) -> None:
    """The most outlying test rows by two methods, side by side."""
    table = Table(title="Most outlying test rows", title_justify="left", box=None, padding=(0, 3, 0, 0))
    columns = []
    for method in ("kl", "log_evidence"):
        scores = vae.outlier_scores(test, method=method)
        table.add_column(f"by {method}")
        columns.append(
            [f"row {row:3}, a {labels[row]}: {scores[row]:.1f} nats" for row in most_outlying(scores, _N_OUTLIERS)]
        )
    for cells in zip(*columns, strict=True):
        table.add_row(*cells)
    console.say("")
    console.show(table)
    console.say("")


def _print_comparison(vae: Any, train: np.ndarray, test: np.ndarray) -> None:
    """The VAE beside models whose log p(x) is exact: the same rows, the same columns, the same dequantization noise."""
    from lowerbound import PPCA, EvidenceWarning, FactorAnalysis, MixtureOfFactorAnalyzers, compare

    linear = (
        PPCA(10, dequantize=True, random_state=0),
        FactorAnalysis(10, dequantize=True, random_state=0),
        MixtureOfFactorAnalyzers(10, latent_dim=5, dequantize=True, random_state=0),
    )
    with console.working("fitting PPCA, factor analysis and a mixture"), warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)  # the notes say the same
        found = compare([*(model.fit(train) for model in linear), vae], test, n_samples=_N_SAMPLES)
    console.say("")
    console.say("Against models whose log p(x) is exact", style="bold")
    console.say(str(found))


def _draw(vae: Any, rows: np.ndarray, images: Callable[..., np.ndarray], picture: Path, *, title: str) -> None:
    from lowerbound.plots import reconstruction_figure, write_figure

    generation = images(vae.sample(_N_DRAWN))
    shown = reconstruction_figure(
        images(rows), images(vae.reconstruct(rows)), generation, value_range=(0.0, 16.0), title=title
    )
    write_figure(picture, shown)
