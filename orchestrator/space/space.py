"""Search spaces: found by name or file, overridden, validated whole, and expanded into trials."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orchestrator.space.conflicts import find_conflicts, is_left_out
from orchestrator.space.figures import FigureRequest, read_figures
from orchestrator.space.grid import count, expand_variants, find_grid_problems
from orchestrator.space.overrides import apply_overrides, name_source
from orchestrator.space.paper import Paper, read_paper
from orchestrator.space.resources import ResourceTable
from orchestrator.space.timeouts import Timeouts, parse_timeouts, with_options
from orchestrator.space.verification import with_verification
from tasks.data.settings import DatasetSettings
from tasks.environment import read_number
from tasks.errors import MOST_PROBLEMS, Problem, ProblemsError, UsageError, limit_problems, list_choices
from tasks.evaluation.settings import AttackSettings
from tasks.keys import format_canonical_json
from tasks.local_paths import parse_local_path
from tasks.models.settings import ConditionSettings, ModelSettings
from tasks.settings import Count, Settings
from tasks.settings_problems import describe_problems
from tasks.settings_rules import find_idle
from tasks.training.settings import AdversarialFinetuneSettings, FinetuneSettings, TrainSettings
from tasks.training.sparsity.settings import TrainedPruneSettings
from tasks.transformations.settings import InferenceSettings
from tasks.trial.trial import Trial, find_conditioning, settle_condition, simplify_section
from tasks.yaml_files import NOT_SETTINGS, format_yaml, read_mapping

SECTIONS: dict[str, type[Settings]] = {
    "dataset": DatasetSettings,
    "model": ModelSettings,
    "train": TrainSettings,
    "prune": TrainedPruneSettings,
    "finetune": FinetuneSettings,
    "adversarial_finetune": AdversarialFinetuneSettings,
    "condition": ConditionSettings,
    "inference": InferenceSettings,
    "attack": AttackSettings,
}
WITHOUT_GRIDS = ("reference", "claims", "figures")
"""Sections about a paper and about the report: no grid stands in them."""
REQUIRED = ("dataset", "model", "attack")
MOST_TRIALS = "ADVSWEEP_MOST_TRIALS"
"""Environment variable: how many trials a space may have."""
DEFAULT_MOST_TRIALS = 200_000
"""More trials than this are a mistake rather than a plan."""


@dataclass(frozen=True)
class Space:
    """A validated search space."""

    name: str
    description: str
    content: dict[str, Any]
    """The file with its overrides, as plain data."""
    paper: Paper
    """What a paper reports about these trials."""
    figures: dict[str, FigureRequest]
    """Name -> what the report draws beside its own figures."""
    resources: ResourceTable
    timeouts: Timeouts
    """Seconds that a run of a kind of stage may take."""
    trials: tuple[Trial, ...]
    """Distinct trials in canonical form, in the order of the grid."""
    left_out: int = 0
    """Points of the grid that are no trials: certificates behind what they are not of."""
    source: str = "space"
    """What messages call the file."""
    overrides: tuple[str, ...] = ()
    """What was set beside it, `path.to.setting=value` each."""

    def refuse(self, problems: Sequence[Problem]) -> ProblemsError:
        """The error of problems that show only beside data or models: named by the file, the overrides, or both."""
        return ProblemsError(name_source(self.source, problems, self.overrides), problems)

    def with_limits(self, timeouts: Sequence[str], cpus: float | None, gpus: float | None) -> Space:
        """The space with limits of the command line; none of them changes what a trial computes.

        :param timeouts: `KIND=SECONDS` each.
        :param cpus: of every kind of stage for which the space names none; null: as it is. Likewise `gpus`.
        :raises UsageError: a time-out is not of that form, or a number is negative.
        """
        resources = self.resources.with_default(cpus, gpus)
        return replace(self, resources=resources, timeouts=with_options(self.timeouts, timeouts))


def list_shipped() -> dict[str, Path]:
    """Name -> file of the spaces that come with advsweep."""
    folder = Path(str(resources.files("search_spaces")))
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def find(name: str) -> Path:
    """The file of a space.

    :param name: a shipped space, or the path of a YAML file.
    :raises UsageError: there is none; the message lists the shipped ones.
    """
    known = list_shipped()
    if name in known:
        return known[name]
    path = parse_local_path(name, "--space")
    if path.suffix in (".yaml", ".yml") or path.exists():
        if not path.is_file():
            problem = "is a folder: name a YAML file" if path.is_dir() else "there is no such file"
            raise UsageError(f"--space {name}: {problem}")
        return path
    raise UsageError(f"--space {name}: no such file, and no space of that name; {list_choices(known, name)}")


def load(name: str, overrides: Sequence[str] = (), *, verify: bool = False) -> Space:
    """Read, override, validate and expand a space.

    :param overrides: `path.to.setting=value` each; the value is YAML, so it may be a grid.
    :param verify: add the cells that make more checks of the numbers possible.
    :raises UsageError: with every mistake of the file and the overrides.
    """
    path = find(name)
    return load_content(path.stem, str(path), read_mapping(path), overrides, verify=verify)


def load_content(
    name: str, source: str, content: dict[str, Any], overrides: Sequence[str] = (), *, verify: bool = False
) -> Space:
    """The same for what stands in no file.

    :param source: what messages call it.
    :param content: plain data, which the overrides change.
    """
    apply_overrides(content, overrides)
    if verify:
        content = with_verification(content)
    try:
        return replace(build(name, source, content), overrides=tuple(overrides))
    except ProblemsError as error:
        raise ProblemsError(name_source(source, error.problems, overrides), error.problems) from None


def build(name: str, source: str, content: dict[str, Any]) -> Space:
    """Validate and expand the content of a space.

    :raises ProblemsError: with every mistake, each with its path, its value and what is allowed.
    """
    found = limit_problems(find_grid_problems({key: content[key] for key in content if key not in WITHOUT_GRIDS}, ""))
    if found:
        raise ProblemsError(source, found)
    _refuse_explosion(source, content)
    found += limit_problems(_find_unknown_sections(content))
    seeds, seed_problems = _read_seeds(content.get("seed", 0))
    sections = {name: _read_section(name, content.get(name)) for name in SECTIONS}
    resources, resource_problems = ResourceTable.parse(content.get("resources"))
    timeouts, timeout_problems = parse_timeouts(content.get("timeouts"))
    paper, paper_problems = read_paper(content)
    figures, figure_problems = read_figures(content)
    found += [*seed_problems, *resource_problems, *timeout_problems, *paper_problems, *figure_problems]
    found += _check_texts(content)
    found += [problem for _, section_problems in sections.values() for problem in section_problems]
    if not found:
        found = find_conflicts({name: variants for name, (variants, _) in sections.items()}, seeds)
    if found:
        raise ProblemsError(source, found)
    grids = [seeds, *(values for values, _ in sections.values())]
    trials, left_out = _cross_sections(grids)
    if any(trial.prune and trial.prune.training for trial in trials):
        resources = replace(resources, training=resources.training | {"prune"})
    return Space(
        name,
        str(content.get("description") or ""),
        content,
        paper,
        figures,
        resources,
        timeouts,
        trials,
        left_out,
        source,
    )


def _cross_sections(grids: Sequence[Sequence[Any]]) -> tuple[tuple[Trial, ...], int]:
    """The distinct trials of every combination, in the order of the grid, and how many combinations are none.

    :param grids: canonical variants of the seed and of each section.
    """
    trials: list[Trial] = []
    left_out = 0
    changed, takes_lambda = False, any(map(find_conditioning, itertools.chain.from_iterable(grids)))
    for values in itertools.product(*grids):
        trial = Trial.model_construct(**dict(zip(("seed", *SECTIONS), values, strict=True)))
        if is_left_out(trial.attack, trial.inference):
            left_out += 1
            continue
        attack, condition = trial.attack.simplify_view(trial.inference), trial.condition
        if takes_lambda:
            condition = settle_condition(trial)
        if attack is not trial.attack or condition is not trial.condition:
            changed = True
            trial = trial.model_copy(update={"attack": attack, "condition": condition})
        trials.append(trial)
    return (tuple(dict.fromkeys(trials)) if changed else tuple(trials)), left_out


def _refuse_explosion(source: str, content: dict[str, Any]) -> None:
    total = count({key: value for key, value in content.items() if key not in NOT_SETTINGS})
    most = read_number(MOST_TRIALS, DEFAULT_MOST_TRIALS, "trials")
    if total > most:
        shown = f"{total:,}" if total < 10**15 else f"about 10^{round(math.log10(total))}"
        raise UsageError(f"{source}: {shown} trials; a space may have {most:,.0f}, {MOST_TRIALS} says otherwise")


def _find_unknown_sections(content: dict[str, Any]) -> Iterator[Problem]:
    known = {"seed", *SECTIONS, *NOT_SETTINGS}
    for name in content:
        if name not in known:
            yield Problem(name, content[name], f"unknown section; {list_choices(known, name)}")


def _check_texts(content: dict[str, Any]) -> Iterator[Problem]:
    description = content.get("description")
    if description is not None and not isinstance(description, str):
        yield Problem("description", description, "is not a text")


def _read_seeds(node: Any) -> tuple[list[int], list[Problem]]:
    adapter, seeds, found = TypeAdapter(Count), [], []
    for value in expand_variants(node):
        try:
            seed = adapter.validate_python(value)
        except ValidationError as error:
            found.append(Problem("seed", value, error.errors()[0]["msg"]))
            if len(found) > MOST_PROBLEMS:
                break
            continue
        if seed < 0:
            found.append(Problem("seed", value, "should be 0 or more"))
        seeds.append(seed)
    return list(dict.fromkeys(seeds)), found


def _read_section(name: str, node: Any) -> tuple[list[Any], list[Problem]]:
    """The distinct canonical variants of a section, and its mistakes."""
    distinct: dict[str, Any] = {}
    found: list[Problem] = []
    written: list[Settings] = []
    for raw in expand_variants(node):
        if raw is None:
            if name in REQUIRED:
                found.append(Problem(name, None, "is missing"))
            distinct.setdefault("null", None)
            continue
        try:
            written.append(SECTIONS[name].model_validate(raw))
        except ValidationError as error:
            found += describe_problems(error, SECTIONS[name], name)
            if len(found) > MOST_PROBLEMS:
                break
            continue
        section = simplify_section(written[-1])
        distinct.setdefault("null" if section is None else format_canonical_json(section.canonical()), section)
    return list(distinct.values()), found or limit_problems(find_idle(written, name))


def extract_first_sentence(description: str) -> str:
    """What a list shows of a description: up to the first full stop or semicolon."""
    text = " ".join(description.split())
    return re.split(r"(?<=[.;])\s", text, maxsplit=1)[0].rstrip(".;")


def format_resolved(space: Space) -> str:
    """The space with its overrides as YAML, for `space.yaml`."""
    return format_yaml(json.loads(json.dumps(space.content, default=str)))
