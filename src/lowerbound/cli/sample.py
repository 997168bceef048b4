"""``lowerbound sample MODEL --n N --out FILE``: draws from the model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

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
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of the draws.", show_default="the seed of the fit")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files.")] = False,
) -> None:
    """Draw rows x from p(x) and write them, in the units of the data."""
    check_new_file(out, overwrite=overwrite)
    if latents is not None:
        check_new_file(latents, overwrite=overwrite, option="--latents")
        if latents.resolve() == out.resolve():
            raise ValueError(f"--latents must be another file than --out; got {latents} for both. Rename one.")
    estimator = read_model(model)
    x, z = estimator.sample(n, random_state=seed, return_latents=True)
    write_array(out, x, names=_columns(estimator))
    if latents is not None:
        write_array(latents, z, names=[f"z{j}" for j in range(z.shape[1])])
    console.say(f"Wrote {len(x)} draws to {out}" + ("" if latents is None else f", their latents to {latents}"))


def _columns(estimator: Any) -> Sequence[str] | None:
    """The names of the columns in the fit, where it had some."""
    found = getattr(estimator, "feature_names_in_", None)
    return None if found is None else [str(name) for name in found]
