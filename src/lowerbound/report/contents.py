"""What a report holds, as plain values: a verdict, and sections of sentences, facts, figures and tables.

Everything is text that the page escapes; pictures are data URIs, so that the page needs no other file.
"""

from dataclasses import dataclass

from lowerbound.findings.sentences import Sentence


@dataclass(frozen=True)
class Fact:
    """A number in words: its name, its value with its unit, and how to read it."""

    name: str
    value: str
    reading: str


@dataclass(frozen=True)
class Picture:
    """A figure as a page shows it: a data URI, its size in CSS pixels, what it shows and how to read it."""

    source: str
    width: int
    height: int
    alt: str
    caption: str


@dataclass(frozen=True)
class Bar:
    """A labelled share of the longest bar, between 0 and 1."""

    label: str
    share: float
    value: str


@dataclass(frozen=True)
class TextTable:
    """Rows of cells under names; the first ``n_headers`` cells of a row name it."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_headers: int = 1


@dataclass(frozen=True)
class Listing:
    """Code or a command, to be copied; ``folded`` ones are opened on demand."""

    title: str
    text: str
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A chapter of the page; its parts stand in this order."""

    anchor: str
    title: str
    paragraphs: tuple[str, ...] = ()
    advice: tuple[Sentence, ...] = ()
    facts: tuple[Fact, ...] = ()
    pictures: tuple[Picture, ...] = ()
    bars: tuple[Bar, ...] = ()
    bars_caption: str = ""
    tables: tuple[TextTable, ...] = ()
    listings: tuple[Listing, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The answer at the top: a number in large type, what it is, and the sentences that matter most."""

    name: str
    value: str
    unit: str
    details: tuple[str, ...]
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Contents:
    """A whole report."""

    title: str
    subtitle: str
    verdict: Verdict
    sections: tuple[Section, ...]
