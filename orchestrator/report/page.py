"""The page: everything of a report in one file, which asks no other for anything."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from orchestrator.report.answers import Answers, format_p_value, format_rate, format_signed
from orchestrator.report.closeup import ImageResults
from orchestrator.report.curves import Family, list_curve_families, list_families
from orchestrator.report.gallery import Gallery
from orchestrator.report.gather import REFERENCE_COLUMNS, ReportData, SweepFacts
from orchestrator.report.levels import choose_axes
from orchestrator.report.parts import build_gallery_view, build_image_view, draw_effect_bar, group_effects
from orchestrator.report.payload import build_payload, encode_script
from orchestrator.report.spotlight import find_compromise
from orchestrator.report.study import STAGE_NAMES, Study
from orchestrator.results import verdicts
from orchestrator.text import format_duration
from tasks import __version__
from tasks.kinds import MODEL_KINDS


@dataclass(frozen=True)
class Look:
    """What a report says and shows of one study."""

    study: Study
    answers: Answers
    closeups: Sequence[ImageResults]
    gallery: Gallery
    classes: Sequence[str]


def render_page(gathered: ReportData, looks: Sequence[Look], formats: Sequence[str], notes: Sequence[str]) -> str:
    """The HTML of a report."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("orchestrator.report", "assets"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    labels = " and ".join(facts.label for facts in gathered.sweeps)
    text: str = environment.get_template("report.html.jinja").render(
        title=f"What robustness costs: {labels}",
        sweeps=gathered.sweeps,
        views=[_build_view(look, gathered) for look in looks],
        reference=[(facts.label, facts.reference) for facts in gathered.sweeps if facts.reference],
        reference_columns=REFERENCE_COLUMNS,
        verdicts=[(facts.label, facts.verdicts) for facts in gathered.sweeps if facts.verdicts],
        verdict_columns=verdicts.COLUMNS,
        formats=formats,
        notes=notes,
        made=f"Made by advsweep {__version__}.",
        css=_read_asset("report.css"),
        script=_read_asset("report.js"),
        library=bundle_vega(),
        payload=encode_script(build_payload(gathered, {look.study.dataset: look.closeups for look in looks})),
        rate=format_rate,
        signed=format_signed,
        p_value=format_p_value,
        duration=format_duration,
        stage_names=STAGE_NAMES,
        bar=draw_effect_bar,
        cost_line=_describe_cost,
    )
    return text


def _build_view(look: Look, gathered: ReportData) -> Mapping[str, Any]:
    """What the template shows of a study."""
    study, known = look.study, list_families(look.study)
    along: list[tuple[int, Family]] = [(known.index(family), family) for family in list_curve_families(study)]
    stages = {entry["stage"] for entry in gathered.history if entry["stage_key"] in _collect_stage_keys(study)}
    return {
        "study": study,
        "answers": look.answers,
        "best": find_compromise(study),
        "effects": group_effects(look.answers.effects),
        "real": look.answers.told("real"),
        "noise": look.answers.told("noise"),
        "panels": [(study.training_axes.index(axis), axis) for axis in choose_axes(study)],
        "curves": along,
        "heat": any(len(family.budgets) > 1 and len(family.steps) > 1 for family in known),
        "stages": [kind for kind in MODEL_KINDS if kind in stages],
        "closeups": [build_image_view(closeup, look.classes) for closeup in look.closeups],
        "gallery": build_gallery_view(look.gallery, look.classes),
    }


def _collect_stage_keys(study: Study) -> set[str]:
    return {row[f"{kind}_key"] for row in study.rows for kind in MODEL_KINDS}


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


@functools.lru_cache(maxsize=1)
def bundle_vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, as `vl-convert` carries them."""
    import vl_convert

    script: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
