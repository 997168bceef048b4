"""``lowerbound compare MODEL... DATA``: saved models against each other, on the same rows that none of them has seen."""

import json
import warnings
from pathlib import Path
from typing import Annotated

import typer

from lowerbound.cli import console
from lowerbound.cli.files import Encoding, Header, Split, read_model, read_rows


def compare(
    models: Annotated[list[Path], typer.Argument(help="Folders of saved models.", metavar="MODEL")],
    data: Annotated[str, typer.Argument(help="A file, or a name from `lowerbound data`.", metavar="DATA")],
    samples: Annotated[int, typer.Option("--samples", help="Draws per row where log p(x) is not exact.")] = 1000,
    split: Annotated[
        Split | None, typer.Option("--split", help="Part of a named data set.", show_default="test")
    ] = None,
    header: Header = None,
    encoding: Encoding = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Print log p(x) of saved models on the same rows, with paired differences, parameters and fit times.

    A model without density, or in another unit than the first, is left blank, with the reason.
    """
    from lowerbound.estimators.compare import compare as compare_estimators
    from lowerbound.evaluate.evidence import EvidenceWarning
    from lowerbound.findings.plain import plain

    estimators = [read_model(model) for model in models]
    rows = read_rows(data, split=split, default="test", header=header, encoding=encoding)
    with console.working("estimating"), warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)  # the notes say the same
        found = compare_estimators(estimators, rows, names=[str(model) for model in models], n_samples=samples)
    if as_json:
        print(json.dumps({"data": data} | plain(found), indent=2))
    else:
        console.say(str(found))
