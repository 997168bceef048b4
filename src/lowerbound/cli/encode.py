"""``lowerbound encode MODEL DATA --out FILE``: the latent code of every row."""

from pathlib import Path
from typing import Annotated

import typer

from lowerbound.cli import console
from lowerbound.cli.files import Encoding, Header, Split, check_new_file, read_model, read_rows
from lowerbound.data.files import write_array


def encode(
    model: Annotated[Path, typer.Argument(help="Folder of a saved model.", metavar="MODEL")],
    data: Annotated[str, typer.Argument(help="A file, or a name from `lowerbound data`.", metavar="DATA")],
    out: Annotated[Path, typer.Option("--out", help="A .npy, .npz, .csv or .parquet file.")],
    split: Annotated[
        Split | None, typer.Option("--split", help="Part of a named data set.", show_default="test")
    ] = None,
    header: Header = None,
    encoding: Encoding = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write the posterior mean (or code) of each row of DATA, in columns z1, z2 and so on.

    Of a mixture: y1, y2 … are the probabilities of its clusters, and y1_z1 is the first factor of cluster 1 times y1.
    """
    check_new_file(out, overwrite=overwrite)
    estimator = read_model(model)
    rows = read_rows(data, split=split, default="test", header=header, encoding=encoding)
    with console.working("encoding"):
        codes = estimator.transform(rows)
    write_array(out, codes, names=estimator.latent_names_)
    console.say(f"Wrote {codes.shape[0]} rows of {codes.shape[1]} latents to {out}")
