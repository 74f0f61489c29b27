"""The page: everything of a report in one file, which asks no other for anything."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from typing import Any

from orchestrator.report.answers import Answers, p_value, rate, signed
from orchestrator.report.closeup import Closeup
from orchestrator.report.curves import Family, all_families, families
from orchestrator.report.gallery import Gallery
from orchestrator.report.gather import REFERENCE_COLUMNS, Gathered, SweepFacts
from orchestrator.report.levels import shown_axes
from orchestrator.report.parts import closeup_view, effect_bar, effect_groups, gallery_view
from orchestrator.report.payload import as_script, payload
from orchestrator.report.spotlight import compromise
from orchestrator.report.study import STAGE_NAMES, Study
from orchestrator.results import verdicts
from orchestrator.text import duration
from tasks.trial.chain import MODEL_KINDS


@dataclass(frozen=True)
class Look:
    """What a report says and shows of one study."""

    study: Study
    answers: Answers
    closeups: Sequence[Closeup]
    gallery: Gallery
    classes: Sequence[str]


def page(gathered: Gathered, looks: Sequence[Look], formats: Sequence[str], notes: Sequence[str]) -> str:
    """The HTML of a report."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("orchestrator.report", "assets"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    labels = " and ".join(facts.label for facts in gathered.sweeps)
    text: str = environment.get_template("report.html.jinja").render(
        title=f"What robustness costs: {labels}",
        sweeps=gathered.sweeps,
        views=[_view(look, gathered) for look in looks],
        reference=[(facts.label, facts.reference) for facts in gathered.sweeps if facts.reference],
        reference_columns=REFERENCE_COLUMNS,
        verdicts=[(facts.label, facts.verdicts) for facts in gathered.sweeps if facts.verdicts],
        verdict_columns=verdicts.COLUMNS,
        formats=formats,
        notes=notes,
        made=f"Made by advsweep {version('advsweep')}.",
        css=_asset("report.css"),
        script=_asset("report.js"),
        library=library(),
        payload=as_script(payload(gathered, {look.study.dataset: look.closeups for look in looks})),
        rate=rate,
        signed=signed,
        p_value=p_value,
        duration=duration,
        stage_names=STAGE_NAMES,
        bar=effect_bar,
        cost_line=_cost_line,
    )
    return text


def _view(look: Look, gathered: Gathered) -> Mapping[str, Any]:
    """What the template shows of a study."""
    study, known = look.study, all_families(look.study)
    along: list[tuple[int, Family]] = [(known.index(family), family) for family in families(study)]
    stages = {entry["stage"] for entry in gathered.history if entry["stage_key"] in _stage_keys(study)}
    return {
        "study": study,
        "answers": look.answers,
        "best": compromise(study),
        "effects": effect_groups(look.answers.effects),
        "real": look.answers.told("real"),
        "noise": look.answers.told("noise"),
        "panels": [(study.training_axes.index(axis), axis) for axis in shown_axes(study)],
        "curves": along,
        "heat": any(len(family.budgets) > 1 and len(family.steps) > 1 for family in known),
        "stages": [kind for kind in MODEL_KINDS if kind in stages],
        "closeups": [closeup_view(closeup, look.classes) for closeup in look.closeups],
        "gallery": gallery_view(look.gallery, look.classes),
    }


def _stage_keys(study: Study) -> set[str]:
    return {row[f"{kind}_key"] for row in study.rows for kind in MODEL_KINDS}


def _cost_line(facts: SweepFacts) -> str:
    spent, saved = (sum(getattr(cost, name) for cost in facts.costs) for name in ("seconds", "saved"))
    in_trials, computed = (sum(getattr(cost, name) for cost in facts.costs) for name in ("in_trials", "computed"))
    reused = sum(cost.reused for cost in facts.costs)
    more = f", {reused} were taken from other sweeps" if reused else ""
    return (
        f"The trials of this sweep take {in_trials} stages; {computed} were computed{more}. "
        f"That took {duration(spent)} of computing and saved {duration(saved)}."
    )


def _asset(name: str) -> str:
    return resources.files("orchestrator.report").joinpath("assets").joinpath(name).read_text("utf-8")


@functools.lru_cache(maxsize=1)
def library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, as `vl-convert` carries them."""
    import vl_convert

    script: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
