"""Plain values: records as dictionaries and lists that JSON can hold."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from lowerbound.findings.record import Findings
from lowerbound.findings.sentences import sentences


def plain(value: Any) -> Any:
    """A record as a dictionary of its fields, a tuple as a list; None for numbers that JSON lacks (NaN, infinities).

    >>> plain({"a": (1.0, float("nan"))})
    {'a': [1.0, None]}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plain_findings(found: Findings) -> dict[str, Any]:
    """The fields of the record; those of the reconstruction, the density and the health stand beside the others.

    Fields of a density or a health check are left out where the model has none. The sentences come last.
    """
    fields: dict[str, Any] = plain(found)
    lifted = {**fields.pop("reconstruction"), **(fields.pop("density") or {}), **(fields.pop("health") or {})}
    nested = {name: fields.pop(name) for name in ("ending", "baseline", "clusters", "columns")}
    return {**fields, **lifted, **nested, "sentences": plain(sentences(found))}
