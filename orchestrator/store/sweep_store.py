"""What a storage keeps of a sweep: its space, its plan, its rows; and how a sweep or a trial is found."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field, model_validator

from orchestrator.store.identifiers import resolve_id
from orchestrator.store.trial_rows import TrialRows, list_rows, select_newest_rows
from tasks import paths
from tasks.errors import MisplacedError, UnreadableError
from tasks.storage.documents import Document, note_passed_over
from tasks.storage.stage_record import Key, StageIdentity
from tasks.storage.storage import Storage
from tasks.storage.uri import redact_uri
from tasks.trial.row import Row, complete_row
from tasks.yaml_files import MOST_BYTES, parse_yaml

TrialId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class TrialDocument(Document):
    """A trial of a plan: the keys of its stages, the attack last."""

    trial_id: TrialId
    stages: Annotated[list[Key], Field(min_length=1)]


class PlanDocument(Document):
    """The content of `plan.json`."""

    most_bytes: ClassVar[int] = 2_000_000_000
    """About a kilobyte for each stage: two million of them."""
    space: str
    trials: list[TrialDocument]
    stages: dict[Key, StageIdentity]

    @model_validator(mode="after")
    def check_keys(self) -> PlanDocument:
        """:raises ValueError: a key leads to no stage of the plan, or a stage builds on itself."""
        used = {key for trial in self.trials for key in trial.stages}
        used |= {key for stage in self.stages.values() for key in stage.upstream.values()}
        if not used <= self.stages.keys():
            raise ValueError("a key leads to no stage of the plan")
        graphlib.TopologicalSorter({key: stage.upstream.values() for key, stage in self.stages.items()}).prepare()
        return self


@dataclass(frozen=True)
class SweepStore:
    """The folder `<storage>/sweeps/<sweep_id>`."""

    storage: Storage
    sweep_id: str

    def path(self, *parts: str) -> str:
        """The name of something in the folder."""
        return "/".join((paths.SWEEPS, self.sweep_id, *parts))

    @property
    def exists(self) -> bool:
        """Whether the sweep was ever started."""
        return self.storage.exists(self.path(paths.PLAN))

    def plan(self) -> dict[str, Any]:
        """The content of `plan.json`.

        :raises UnreadableError: it may not be read, or is not what a launch writes: nothing in it may be followed.
        """
        try:
            return self.storage.read_document(self.path(paths.PLAN), PlanDocument)
        except MisplacedError as error:
            raise MisplacedError(f"{error}: is no plan that a launch has written") from None

    def space(self) -> dict[str, Any]:
        """The content of `space.yaml`; empty where there is none, as in a storage of an earlier version.

        :raises UsageError: it may not be read, or is no mapping.
        """
        name = self.path(paths.SPACE)
        try:
            content = parse_yaml(self.storage.read(name, MOST_BYTES).decode(), self.storage.describe_place(name))
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError:
            raise MisplacedError(f"{self.storage.describe_place(name)}: is not UTF-8") from None
        if not isinstance(content, dict):
            raise MisplacedError(f"{self.storage.describe_place(name)}: is no search space")
        return content

    @property
    def trial_rows(self) -> TrialRows:
        """The parts of its table of trials."""
        return TrialRows(self.storage, self.path(paths.TRIALS))

    def rows(self) -> list[Row]:
        """The newest row of every trial, in no particular order."""
        return select_newest_rows(map(complete_row, list_rows(self.row_table())))

    def row_table(self) -> pa.Table:
        """Every row ever written, older ones of the same trial included, in the order of writing."""
        return self.trial_rows.read()

    def write_rows(self, rows: Sequence[Row]) -> str:
        """Add rows as one part; parts sort by the time of writing. Returns the part's name."""
        return self.trial_rows.write(rows)

    def compact_rows(self) -> None:
        """Make one part of all, keeping the newest row of each trial; safe at any moment, killed or not."""
        self.trial_rows.compact()


def list_sweeps(storage: Storage) -> list[str]:
    """The sweeps of a storage that were started; what else is beside them, or may not be read, is named."""
    found = []
    for name in storage.list_names(paths.SWEEPS):
        sweep = SweepStore(storage, name)
        try:
            if not sweep.exists:
                raise MisplacedError(f"{storage.describe_place(sweep.path())}: holds no {paths.PLAN}")
            found.append(name)
        except UnreadableError as error:
            note_passed_over(error)
    return found


def iterate_plans(storage: Storage) -> Iterator[tuple[SweepStore, dict[str, Any]]]:
    """Every sweep with its plan; one whose plan cannot be read is named and passed over."""
    for sweep_id in list_sweeps(storage):
        sweep = SweepStore(storage, sweep_id)
        try:
            yield sweep, sweep.plan()
        except UnreadableError as error:
            note_passed_over(error)
        except FileNotFoundError:
            continue  # forgotten since it was listed


def find_sweep(storage: Storage, name: str, *, whole: bool = False) -> SweepStore:
    """The sweep with this id, or the only one whose id begins so.

    :param whole: take no beginning of an id.
    :raises UsageError: the name is blank, or there is none, or there are several; the message lists them.
    """
    none = "; `advsweep launch` makes one, --storage names another"
    place = f"in {redact_uri(storage.uri)}"
    return SweepStore(storage, resolve_id(name, list_sweeps(storage), "sweep", place, none=none, whole=whole))


Identity = Mapping[str, Any]


def find_trial(storage: Storage, name: str) -> tuple[SweepStore, list[str], Mapping[str, Identity]]:
    """The sweep of a trial, the keys of its stages, and the identities of all stages of that sweep.

    Of several sweeps that have it, one in which it is finished comes first, and of those the last by name.

    :param name: a trial id, or the beginning of one.
    :raises UsageError: the name is blank, no trial begins so, or several do.
    """
    owners: dict[str, list[tuple[SweepStore, dict[str, Any], dict[str, Any]]]] = {}
    for sweep, plan in iterate_plans(storage):
        for trial in plan["trials"]:
            owners.setdefault(trial["trial_id"], []).append((sweep, trial, plan))
    none = ": there is no sweep in it; `advsweep launch` makes one, --storage names another"
    found = owners[resolve_id(name, owners, "trial", f"in {redact_uri(storage.uri)}", none=none)]
    whole = [entry for entry in found if _is_finished(entry[0], entry[1])] if len(found) > 1 else found
    sweep, trial, plan = (whole or found)[-1]
    return sweep, trial["stages"], plan["stages"]


def _is_finished(sweep: SweepStore, trial: Mapping[str, Any]) -> bool:
    """Whether a sweep has a finished row of a trial with the stages that its plan gives it."""
    last = trial["stages"][-1]
    return any(row["status"] == "finished" and row["attack_key"] == last for row in sweep.rows())
