"""The sections of a report, in their order: each says to which models and rows it applies, and makes its part of the page."""

from collections.abc import Callable
from dataclasses import dataclass

from lowerbound.findings.fitted import has_clusters
from lowerbound.findings.sentences import Sentence, health_advice
from lowerbound.report.clusters import clusters_section
from lowerbound.report.contents import Contents, Section
from lowerbound.report.context import ReportContext
from lowerbound.report.latents import latents_section
from lowerbound.report.likelihood import likelihood_section
from lowerbound.report.loadings import has_loadings, loadings_section
from lowerbound.report.missing import has_missing, missing_section
from lowerbound.report.outliers import outliers_section
from lowerbound.report.pictures import reconstruction_section, samples_section, training_section
from lowerbound.report.provenance import Making, provenance_section
from lowerbound.report.verdict import verdict


@dataclass(frozen=True)
class SectionMaker:
    """A line of the table of sections.

    Attributes
    ----------
    name
        What is being made, for those who wait.
    make
        From the context to the section.
    applies
        Whether the section belongs on the page.
    """

    name: str
    make: Callable[[ReportContext], Section]
    applies: Callable[[ReportContext], bool] = lambda context: True


def _health_section(context: ReportContext) -> Section:
    found = context.findings
    advice = (Sentence(f"Left out: {found.no_health}"),) if found.health is None else health_advice(found)
    return Section(anchor="health", title="Health", advice=advice)


def _in_clusters(context: ReportContext) -> bool:
    return has_clusters(context.estimator)


def _in_one_space(context: ReportContext) -> bool:
    """Whether a code is one place in latent space; a mixture of factor analyzers has one in each cluster."""
    return not has_clusters(context.estimator) or context.codes.shape[1] == context.estimator.latent_dim


SECTIONS = (
    SectionMaker("likelihood", likelihood_section),
    SectionMaker("training", training_section),
    SectionMaker("reconstructions", reconstruction_section),
    SectionMaker("missing cells", missing_section, applies=has_missing),
    SectionMaker("samples", samples_section),
    SectionMaker("clusters", clusters_section, applies=_in_clusters),
    SectionMaker("latent space", latents_section, applies=_in_one_space),
    SectionMaker("loadings", loadings_section, applies=has_loadings),
    SectionMaker("outliers", outliers_section),
    SectionMaker("health", _health_section),
)
"""Sections in their order on the page; the last one, on how the page was made, needs more than the context."""


def contents(
    context: ReportContext, making: Making, *, title: str, progress: Callable[[str], None] | None = None
) -> Contents:
    """The verdict and the sections that apply; ``progress`` hears the name of each before it is made."""
    tell = progress or (lambda name: None)
    tell("measures")
    answer, sections = verdict(context.findings), []
    for section in SECTIONS:
        if section.applies(context):
            tell(section.name)
            sections.append(section.make(context))
    shape = " × ".join(map(str, context.estimator.input_shape_))
    return Contents(
        title=title,
        subtitle=f"{context.rows_in_words}, each of shape {shape} · {making.made.strftime('%d %B %Y')}",
        verdict=answer,
        sections=(*sections, provenance_section(context, making)),
    )
