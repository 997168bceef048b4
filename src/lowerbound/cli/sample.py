"""``lowerbound sample MODEL --n N --out FILE``: draws from the model."""

from pathlib import Path
from typing import Annotated

import typer

from lowerbound.cli import console
from lowerbound.cli.files import check_new_file, read_model
from lowerbound.data.files import write_array


def sample(
    model: Annotated[Path, typer.Argument(help="Folder of a saved model.", metavar="MODEL")],
    out: Annotated[Path, typer.Option("--out", help="A .npy, .npz, .csv or .parquet file.")],
    n: Annotated[int, typer.Option("--n", help="Number of draws.")] = 100,
    latents: Annotated[
        Path | None, typer.Option("--latents", help="Another file, for the z of each draw.", show_default=False)
    ] = None,
    random_state: Annotated[
        int | None, typer.Option("--random-state", help="Seed of the draws.", show_default="that of the fit")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files.")] = False,
) -> None:
    """Draw rows x from p(x) and write them, in the units of the data."""
    check_new_file(out, overwrite=overwrite)
    if latents is not None:
        check_new_file(latents, overwrite=overwrite, option="--latents")
        if latents.resolve() == out.resolve():
            raise ValueError(f"--latents must be another file than --out; got {latents} for both. Rename one.")
    from lowerbound.findings.fitted import feature_names

    estimator = read_model(model)
    with console.working("drawing"):
        x, z = estimator.sample(n, random_state=random_state, return_latents=True)
    write_array(out, x, names=feature_names(estimator))
    if latents is not None:
        write_array(latents, z, names=estimator.latent_names_)
    console.say(f"Wrote {len(x)} draws to {out}" + ("" if latents is None else f", their latents to {latents}"))
