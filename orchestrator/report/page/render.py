"""The page: everything of a report in one file, which asks no other for anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from orchestrator.report.analysis.answers import describe_seeds_needed
from orchestrator.report.analysis.certificate_table import build_certificate_tables
from orchestrator.report.analysis.doubts import describe_doubts_of_figure
from orchestrator.report.analysis.effects import TOO_FEW
from orchestrator.report.analysis.findings import StudyFindings
from orchestrator.report.analysis.formats import format_p_value, format_rate, format_signed
from orchestrator.report.analysis.report_data import ReportData, SweepFacts
from orchestrator.report.analysis.selected_configurations import find_compromise
from orchestrator.report.analysis.study import STAGE_NAMES
from orchestrator.report.analysis.tables import find_worst_reason, find_worst_verdict
from orchestrator.report.figures.figure import Figure
from orchestrator.report.figures.requests import Requested
from orchestrator.report.page.html_parts import draw_effect_bar, format_interval, group_effects
from orchestrator.report.page.payload import build_payload, encode_script
from orchestrator.report.page.vega_library import load_vega
from orchestrator.results import reference, verdicts
from orchestrator.space.figures import FigureKind
from orchestrator.text import format_duration
from tasks import __version__

if TYPE_CHECKING:
    from jinja2 import Template

Drawn = Sequence[tuple[StudyFindings, Sequence[Figure]]]
"""The studies of a report with their figures."""


Named = Sequence[tuple[SweepFacts, Sequence[Requested]]]
"""Sweeps with the figures that their spaces name."""


def render_page(data: ReportData, drawn: Drawn, named: Named, formats: Sequence[str], notes: Sequence[str]) -> str:
    """The HTML of a report.

    :param formats: of the files that lie beside the page.
    :param notes: what a reader should know of what is missing.
    """
    labels = " and ".join(facts.label for facts in data.sweeps)
    text: str = _load_template().render(
        title=f"What robustness costs: {labels}",
        sweeps=data.sweeps,
        certified=build_certificate_tables(data.rows),
        views=[_build_view(found, figures) for found, figures in drawn],
        reference=[(facts.label, facts.reference) for facts in data.sweeps if facts.reference],
        reference_columns=reference.COLUMNS,
        verdicts=[(facts.label, facts.verdicts) for facts in data.sweeps if facts.verdicts],
        optimality=[(facts.label, facts.optimality) for facts in data.sweeps if facts.optimality],
        verdict_columns=verdicts.COLUMNS,
        formats=formats,
        notes=notes,
        version=__version__,
        css=_read_asset("report.css"),
        script=_read_asset("report.js"),
        library=load_vega(),
        named=[(facts.label, asked) for facts, asked in named],
        payload=encode_script(
            build_payload(data, [(found.study, figures) for found, figures in drawn], _list_figures(named))
        ),
        rate=format_rate,
        signed=format_signed,
        p_value=format_p_value,
        interval=format_interval,
        duration=format_duration,
        stage_names=STAGE_NAMES,
        bar=draw_effect_bar,
        cost_line=_describe_cost,
        worst=find_worst_verdict,
        reason=find_worst_reason,
    )
    return text


@cache
def _load_template() -> Template:
    """Compiled once: that takes as long as half of a page."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("orchestrator.report", "assets"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.jinja")


def _list_figures(named: Named) -> list[Figure]:
    return [figure for _, asked in named for one in asked for figure in one.figures]


def _build_view(found: StudyFindings, figures: Sequence[Figure]) -> Mapping[str, Any]:
    """What the template shows of a study."""
    return {
        "study": found.study,
        "answers": found.answers,
        "best": find_compromise(found.study),
        "effects": group_effects(found.answers.effects),
        "real": found.answers.describe_effects("real"),
        "noise": found.answers.describe_effects("noise"),
        "untold": found.answers.describe_effects(TOO_FEW),
        "seeds_needed": describe_seeds_needed(found.study),
        "figures": {figure.name: figure for figure in figures},
        "confidence": [(result.configuration.label, *result.mean_confidence) for result in found.images],
        "doubts": _describe_doubts(found),
        "gallery_note": found.gallery.note,
    }


def _describe_doubts(found: StudyFindings) -> Mapping[FigureKind, str]:
    """Kind of a figure of every report -> what speaks against its numbers; a heat map offers every model."""
    kinds: tuple[FigureKind, ...] = ("axes", "security_curves", "heat_map")
    looked_at: tuple[FigureKind, ...] = ("confidence", "confusion_matrices", "images")
    said = {kind: describe_doubts_of_figure(found.study, kind) for kind in kinds}
    return said | {kind: describe_doubts_of_figure(found.study, kind, found.entries) for kind in looked_at}


def _describe_cost(facts: SweepFacts) -> str:
    spent, saved = (sum(getattr(cost, name) for cost in facts.costs) for name in ("seconds", "saved"))
    in_trials, computed = (sum(getattr(cost, name) for cost in facts.costs) for name in ("in_trials", "computed"))
    reused = sum(cost.reused for cost in facts.costs)
    more = f", {reused} were taken from other sweeps" if reused else ""
    return (
        f"The trials of this sweep take {in_trials} stages; {computed} were computed{more}. "
        f"That took {format_duration(spent)} of computing and saved {format_duration(saved)}."
    )


def _read_asset(name: str) -> str:
    return resources.files("orchestrator.report").joinpath("assets").joinpath(name).read_text("utf-8")
