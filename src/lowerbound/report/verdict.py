"""The verdict: one number, what it is worth, and the sentences that a reader must not miss."""

import math

from lowerbound.evaluate.words import counted, decimals_of, number, share, with_error
from lowerbound.findings.density import Density
from lowerbound.findings.record import Findings
from lowerbound.findings.sentences import sentences
from lowerbound.report.contents import Verdict


def verdict(found: Findings) -> Verdict:
    """The answer to "is it good?" in one number and a few sentences."""
    rows = counted(found.n_rows, "row")
    if found.density is None:
        return Verdict(
            name="reconstruction error",
            value=number(found.reconstruction.root_mean_square_error),
            unit=found.reconstruction.root_mean_square_error_unit,
            details=(f"root mean square over {rows}",),
            sentences=sentences(found),
        )
    density, details = found.density, [f"mean over {rows}"]
    if found.share_of_missing_cells > 0:
        details.append(f"of their observed cells, {share(found.share_of_missing_cells)} being missing")
    if math.isfinite(density.sampling_error):
        error = number(density.sampling_error, decimals=decimals_of(density.sampling_error))
        details.append(f"± {error} for other rows from the same source")
    if density.bits_per_dimension is not None:
        details.append(f"{number(density.bits_per_dimension, decimals=3)} bits per dimension")
    return Verdict(
        name="log p(x)",
        value=evidence_in_words(density),
        unit="nats per row",
        details=tuple(details),
        sentences=sentences(found),
    )


def evidence_in_words(found: Density) -> str:
    """log p(x) with the standard error of its estimate; alone where it is exact."""
    if found.exact:
        return number(found.log_evidence, decimals=decimals_of(found.sampling_error))
    return with_error(found.log_evidence, found.standard_error)
