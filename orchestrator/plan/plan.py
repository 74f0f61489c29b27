"""The plan of a sweep: its trials, and the graph of distinct stages that they share. A pure function of the space."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.space.space import Space
from orchestrator.text import format_count, render_html_table
from tasks.data.settings import DatasetSettings
from tasks.data.source import Inspection, count_training_images, inspect_dataset, make_placeholder
from tasks.errors import MissingDataError, Problem
from tasks.keys import format_canonical_json, format_mapping, hash_json
from tasks.kinds import KINDS, Kind
from tasks.training.settings import TrainSettings
from tasks.trial.chain import Stage, build_chain, make_run_key
from tasks.trial.trial import Trial

PLAN_FORMAT = 1


@dataclass(frozen=True)
class PlannedTrial:
    """A trial and the stages it walks, the attack last."""

    trial: Trial
    trial_id: str
    chain: tuple[Stage, ...]


@dataclass
class Job:
    """What one run computes: a stage, or attack stages that differ only in their number of steps."""

    id: str
    kind: Kind
    stages: list[Stage] = field(default_factory=list)

    @property
    def upstream(self) -> list[str]:
        """Keys of the stages that must be in the store first."""
        return list(self.stages[0].upstream.values())


@dataclass(frozen=True)
class Plan:
    """A sweep before it runs."""

    space: Space
    sweep_id: str
    trials: tuple[PlannedTrial, ...]
    stages: Mapping[str, Stage]
    """Every distinct stage by its key."""
    data: Mapping[DatasetSettings, Inspection]
    missing_data: Mapping[DatasetSettings, str] = field(default_factory=dict)
    """Data sets that are not here, with what is wanted; placeholders stand in their place."""

    def __len__(self) -> int:
        """Trials."""
        return len(self.trials)

    def __repr__(self) -> str:
        trials, stages = format_count(len(self.trials), "trial"), format_count(len(self.stages), "stage")
        return f"<Plan {self.sweep_id}: {trials}, {stages}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        unshared, distinct = self.unshared(), self.count()
        lines = [[kind, unshared[kind], count] for kind, count in distinct.items()]
        return render_html_table(["stage", "in trials", "distinct"], lines, repr(self).strip("<>"))

    def jobs(self, done: Collection[str]) -> list[Job]:
        """What has to run: jobs of the stages that are not done and that some unfinished stage needs."""
        jobs: dict[str, Job] = {}
        for stage in self.needed(done):
            run = make_run_key(stage)
            jobs.setdefault(run, Job(run, stage.kind)).stages.append(stage)
        return list(jobs.values())

    def needed(self, done: Collection[str]) -> list[Stage]:
        """Stages that are not done and lead to a final stage that is not done, upstream first.

        A model that only finished attacks were built on is not computed again, were it ever lost.
        """
        wanted: set[str] = set()

        def want(key: str) -> None:
            if key in done or key in wanted:
                return
            wanted.add(key)
            for upstream in self.stages[key].upstream.values():
                want(upstream)

        for planned in self.trials:
            want(planned.chain[-1].key)
        return [stage for key, stage in self.stages.items() if key in wanted]

    def count(self, keys: Collection[str] | None = None) -> Counter[Kind]:
        """Distinct stages by kind, of all or of these keys."""
        return Counter(stage.kind for key, stage in self.stages.items() if keys is None or key in keys)

    def unshared(self) -> Counter[Kind]:
        """Stages by kind if every trial ran all of its own."""
        return Counter(stage.kind for planned in self.trials for stage in planned.chain)


def make_plan(space: Space, data_dir: Path | None = None, *, without_data: bool = False) -> Plan:
    """Plan a space on its data.

    :param without_data: take a placeholder for a data set that is not here. What follows from it shows what there would
        be to do; it cannot be run, and what is stored cannot be told.
    :raises UsageError: a data set is missing or cannot be read.
    """
    missing: dict[DatasetSettings, str] = {}
    data = {}
    for dataset in dict.fromkeys(trial.dataset for trial in space.trials):
        try:
            data[dataset] = inspect_dataset(dataset, data_dir)
        except MissingDataError as error:
            if not without_data:
                raise
            data[dataset], missing[dataset] = make_placeholder(dataset), str(error)
    present = {dataset: found for dataset, found in data.items() if dataset not in missing}
    _check_examples(space, present)
    planned = [
        PlannedTrial(trial, trial.trial_id, build_chain(trial, data[trial.dataset].fingerprint))
        for trial in space.trials
    ]
    trials = tuple({entry.trial_id: entry for entry in planned}.values())
    stages: dict[str, Stage] = {}
    for entry in trials:
        for stage in entry.chain:
            stages.setdefault(stage.key, stage)
    _check_image_limits(space, stages.values(), present)
    return Plan(space, make_sweep_id(space.name, [entry.trial_id for entry in trials]), trials, stages, data, missing)


def list_kinds(plan: Plan) -> list[Kind]:
    """The kinds of stages that a plan has, in the order in which trials walk them."""
    present = {stage.kind for stage in plan.stages.values()}
    return [kind for kind in KINDS if kind in present]


def _check_examples(space: Space, data: Mapping[DatasetSettings, Inspection]) -> None:
    """:raises ProblemsError: an attack asks for more images than the test split has."""
    for trial in space.trials:
        if trial.dataset not in data:
            continue
        wanted, there = trial.attack.examples, data[trial.dataset].test_images
        if wanted is not None and wanted > there:
            problem = Problem("attack.examples", wanted, f"the test split of {trial.dataset.name} has {there} images")
            raise space.refuse([problem])


def _check_image_limits(space: Space, stages: Iterable[Stage], data: Mapping[DatasetSettings, Inspection]) -> None:
    """:raises ProblemsError: a stage is to train on more images than there are."""
    for stage in stages:
        if stage.dataset not in data or not isinstance(stage.settings, TrainSettings):
            continue
        wanted = stage.settings.chosen_objective.image_limit
        there = count_training_images(stage.dataset, data[stage.dataset])
        if wanted is not None and wanted > there:
            problem = f"there are only {there} training images"
            section = "objective." if stage.settings.objective else ""
            raise space.refuse([Problem(f"{stage.kind}.{section}fixed_examples", wanted, problem)])


def make_sweep_id(name: str, trial_ids: list[str]) -> str:
    """The space's name and a hash of its resolved content; safe as a folder name."""
    safe = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")[:60] or "space"
    return f"{safe}-{hash_json(sorted(trial_ids))[:10]}"


def plan_text(plan: Plan) -> bytes:
    """`plan.json` as bytes: enough for `status`, `explain` and `clean` without the space."""
    trials = [{"trial_id": entry.trial_id, "stages": [stage.key for stage in entry.chain]} for entry in plan.trials]
    parts = {
        "format": str(PLAN_FORMAT),
        "sweep_id": format_canonical_json(plan.sweep_id),
        "space": format_canonical_json(plan.space.name),
        "trials": format_canonical_json(trials),
        "stages": format_mapping({key: stage.identity_text for key, stage in plan.stages.items()}),
    }
    return format_mapping(parts).encode()
