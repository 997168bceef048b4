"""Ending: how a fit ended, with the remedy where one is needed, and what was noted about its result."""

from dataclasses import dataclass

from lowerbound.fit.result import Code, Status


@dataclass(frozen=True)
class Ending:
    """The end of a fit.

    Attributes
    ----------
    code
        As in ``Status``.
    ok
        Whether the fit ran to an end of its own choosing.
    message
        How it ended, with the remedy where it is not ok.
    notes
        Sentences on what makes the fitted density suspect; () for a clean fit.
    """

    code: Code
    ok: bool
    message: str
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """A sentence on the end of the fit, notes apart."""
        return f"The fit ended {'as planned' if self.ok else 'early'}: {self.message}"


def ending(status: Status) -> Ending:
    """The record of a status."""
    return Ending(status.code, status.ok, status.message.split("\n")[0], status.notes)
