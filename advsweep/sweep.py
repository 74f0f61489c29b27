"""A sweep in a storage: its tables as data frames, its figures and its models; while it runs, what there is by then."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds

from advsweep.frames import FrameFormat, convert_table, make_table
from orchestrator.cluster.address import LOCAL
from orchestrator.options import DeviceChoice
from orchestrator.results.image_reader import ImageReader
from orchestrator.results.optimality import list_optimality
from orchestrator.results.query import ask, load_sorted_rows
from orchestrator.results.stage_tables import open_stage_files
from orchestrator.results.tradeoff import (
    AXES,
    find_distinguishing_settings,
    format_setting,
    group_cells,
    list_leaf_settings,
)
from orchestrator.results.verdicts import check_rows
from orchestrator.results.worst_case import read_worst_cases
from orchestrator.status.facts import collect_facts
from orchestrator.store.identifiers import resolve_id
from orchestrator.store.sweep_store import SweepStore
from orchestrator.text import render_html_table
from tasks import paths
from tasks.errors import UsageError, list_choices
from tasks.schema import EXAMPLES, HISTORY, TRIALS
from tasks.storage.stage_store import StageStore
from tasks.storage.uri import redact_uri

if TYPE_CHECKING:
    from advsweep.figure import SweepFigure
    from tasks.models.build import NormalizedModel

MEASURED = ("seeds", "examples", "clean_accuracy", "robust_accuracy", "clean_accuracy_std", "robust_accuracy_std")
SETTLED = (
    "trial_id", "model", "attack", "eps", "eps_space", "verdict", "checks", "tried", "examples", "robust_before",
    "robust_after", "verdict_after",
)  # fmt: skip
"""Columns of `Sweep.verify`."""
MOST_LINES = 50
"""Configurations that a notebook shows."""


class Sweep:
    """A sweep, as `advsweep.open` and `advsweep.launch` return it.

    Every method reads the storage anew, so it can be asked while the sweep runs, here or elsewhere. Tables are pandas
    data frames, or what `format` says: `polars`, `arrow`.
    """

    def __init__(self, store: SweepStore) -> None:
        self._store = store

    @property
    def sweep_id(self) -> str:
        """The space's name and a hash of its content."""
        return self._store.sweep_id

    @property
    def storage(self) -> str:
        """Folder or URI, without secrets."""
        return redact_uri(self._store.storage.uri)

    def trials(self, format: FrameFormat = "pandas") -> Any:  # noqa: A002
        """A row per trial that has ended; `tasks/schema.py` documents the columns.

        >>> sorted(sweep.trials().groupby("attack_steps")["robust_accuracy"].mean().index)
        [2, 5]
        """
        rows = [dict(zip(TRIALS.names, row, strict=True)) for row in load_sorted_rows(self._store)]
        return convert_table(pa.Table.from_pylist(rows, schema=TRIALS), format)

    def history(self, trial: str | None = None, format: FrameFormat = "pandas") -> Any:  # noqa: A002
        """A row per epoch of each finished stage: losses, accuracies, learning rate, seconds.

        :param trial: the id of a trial, or the beginning of one; null: the stages of all.
        :raises UsageError: there is no such trial.

        >>> list(sweep.history(format="polars").columns[:3])
        ['stage_key', 'stage', 'epoch']
        """
        return self._read_stage_table(paths.HISTORY, HISTORY, trial, format)

    def examples(self, trial: str | None = None, format: FrameFormat = "pandas") -> Any:  # noqa: A002
        """A row per attacked image: label, predictions, confidences, sizes of the perturbation, robust or not.

        `stage_key` is `attack_key` of the trials.

        :param trial: the id of a trial, or the beginning of one; null: the images of all.
        :raises UsageError: there is no such trial.

        >>> images = sweep.examples(trial)
        >>> bool(images["robust"].sum() <= len(images))
        True
        """
        return self._read_stage_table(paths.EXAMPLES, EXAMPLES, trial, format)

    def tradeoff(self, format: FrameFormat = "pandas") -> Any:  # noqa: A002
        """A row per configuration: means and standard deviations over its seeds, and the worst verdict.

        >>> table = sweep.tradeoff()
        >>> bool((table["robust_accuracy"] <= table["clean_accuracy"] + 0.1).all())
        True
        """
        cells = group_cells(self._store.rows())
        more = find_distinguishing_settings(cells)
        lines = []
        for cell in cells:
            leaves = list_leaf_settings(_read_config(cell.row)) if more else {}
            settings = [*(cell.row[axis] for axis in AXES), *(leaves.get(path) for path in more)]
            spread = [_measure_spread(cell.clean), _measure_spread(cell.robust)]
            lines.append([*settings, len(cell.clean), cell.examples, *cell.mean, *spread, cell.verdict])
        return convert_table(make_table([*AXES, *more, *MEASURED, "verdict"], lines), format)

    def verdicts(self, format: FrameFormat = "pandas") -> Any:  # noqa: A002
        """A row per check and model: what it says, its figures, its paper and the trials that it concerns.

        >>> set(sweep.verdicts()["verdict"]) <= {"ok", "upper bound", "suspicious", "not tested"}
        True
        """
        found = check_rows(self._store.rows(), ImageReader(StageStore(self._store.storage)))
        lines = [[one.check, one.verdict, one.cause, one.figures, one.paper, list(one.trials)] for one in found]
        return convert_table(make_table(["check", "verdict", "cause", "figures", "paper", "trials"], lines), format)

    def worst_case(self, format: FrameFormat = "pandas") -> Any:  # noqa: A002
        """Robust against every attack of a norm and budget, image by image, with Wilson intervals and verdict.

        >>> bool(sweep.worst_case()["worst_case_robust_accuracy"].between(0, 1).all())
        True
        """
        return convert_table(make_table(*read_worst_cases(self._store)), format)

    def optimality(self, format: FrameFormat = "pandas") -> Any:  # noqa: A002
        """How near each attack comes to the smallest perturbations that any attack in the storage found of a model.

        >>> bool(sweep.optimality()["optimality"].dropna().between(0, 1).all())
        True
        """
        return convert_table(make_table(*list_optimality(self._store, self._store.rows())), format)

    def verify(
        self,
        *,
        dry_run: bool = False,
        data_dir: str | Path | None = None,
        device: DeviceChoice = "auto",
        address: str = LOCAL,
        progress: bool = True,
        format: FrameFormat = "pandas",  # noqa: A002
    ) -> Any:
        """Run the cheapest attacks that would settle each verdict which is not ok; a row per number that moves.

        `robust_before` is the worst case that stood, `robust_after` what withstands all that was tried too (null:
        nothing was), both of the same `examples` images, and `verdict_after` what the checks say of that; `tried` is
        how many attacks. They are trials of a sweep `verify_NAME` in the same storage.

        :param dry_run: say what would be run, start nothing.
        :param data_dir: root of the data sets that live on disk.
        :param address: where they run, as for `advsweep.launch`.
        :param progress: print lines while they run.
        :raises UsageError: no trial is finished yet.

        >>> set(sweep.verify(dry_run=True)["robust_after"]) <= {None}
        True
        """
        from rich.console import Console

        from orchestrator.settle import settle_sweep

        console = Console(quiet=not progress, force_jupyter=False)
        folder = None if data_dir is None else Path(data_dir)
        settled = settle_sweep(
            self._store,
            self._store.storage.uri,
            console,
            data_dir=folder,
            device=device,
            address=address,
            dry_run=dry_run,
        )
        lines = [[len(row["tried"]) if name == "tried" else row[name] for name in SETTLED] for row in settled.lines]
        return convert_table(make_table(list(SETTLED), lines), format)

    def query(self, sql: str, format: FrameFormat = "pandas") -> Any:  # noqa: A002
        """What DuckDB answers over the tables `trials`, `history`, `examples` and `stages`.

        :raises UsageError: the query is wrong, or wants more than to read these tables.

        >>> sweep.query("SELECT max(attack_steps) AS steps FROM trials")["steps"].tolist()
        [5]
        """
        return convert_table(make_table(*ask(self._store, sql)), format)

    def figure(self, name: str, data_dir: str | Path | None = None) -> SweepFigure:
        """A figure of the report, such as `tradeoff`, `axes`, `security_curves` or `heat_map`.

        :param data_dir: root of the data sets, for nothing but the names of their classes.
        :raises UsageError: there is no figure of that name, or nothing to draw yet; the message lists those there are.

        >>> sweep.figure("tradeoff").svg.startswith("<svg")
        True
        """
        from advsweep.figure import draw_figures

        found = draw_figures(self._store, None if data_dir is None else Path(data_dir))
        if name not in found:
            known = list_choices(found, name) if found else "no trial is finished yet"
            raise UsageError(f"figure {name!r}: there is none; {known}")
        return found[name]

    def model(self, trial: str) -> NormalizedModel:
        """The model of a trial with its weights, in evaluation mode: pixels of [0, 1], float [N, C, H, W] -> logits.

        Without the transformations of `inference`; `advsweep export` writes those too.

        :param trial: its id, or the beginning of one.
        :raises UsageError: there is no such trial, its model is not finished, or the plugin of its model is not loaded.

        >>> import torch
        >>> sweep.model(trial)(torch.zeros(2, 1, 16, 16)).shape
        torch.Size([2, 10])
        """
        from tasks.models.stored import load_stored_model

        key = self._store.plan()["stages"][self._list_keys(trial)[-1]]["upstream"]["model"]
        store = StageStore(self._store.storage)
        if key not in store.list_keys():
            raise UsageError(f"trial {trial}: its model is not finished yet")
        return load_stored_model(store, key).model.eval()

    def status(self) -> dict[str, Any]:
        """Whether it runs, counts of trials and stages, what runs where, failures, and the best trade-off so far.

        >>> sweep.status()["state"]
        'finished'
        """
        return collect_facts(self._store.storage, self.sweep_id)

    def __repr__(self) -> str:
        return f"<Sweep {self.sweep_id} in {self.storage}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: how far it is, and its trade-off table."""
        facts = self.status()
        caption = f"{self.sweep_id}: {facts['state']}, {facts['finished']} of {facts['trials']} trials finished"
        table = self.tradeoff("arrow")
        columns = [name for name in table.column_names if len(table[name].unique()) > 1 or name in MEASURED]
        lines = table.select(columns).slice(0, MOST_LINES).to_pylist()
        shown = [[format_setting(name, line[name]) for name in columns] for line in lines]
        return render_html_table(columns, shown, caption)

    def _list_keys(self, trial: str) -> list[str]:
        """The keys of a trial's stages, the attack last."""
        trials = {entry["trial_id"]: entry["stages"] for entry in self._store.plan()["trials"]}
        found: list[str] = trials[resolve_id(trial, trials, "trial", f"in {self.sweep_id}")]
        return found

    def _read_stage_table(self, name: str, schema: pa.Schema, trial: str | None, form: FrameFormat) -> Any:
        keys = self._store.plan()["stages"] if trial is None else self._list_keys(trial)
        found = open_stage_files(self._store, sorted(keys), name, schema)
        return convert_table(found.to_table() if isinstance(found, ds.Dataset) else found, form)


def _measure_spread(values: tuple[float, ...]) -> float | None:
    """Standard deviation; null of a single value."""
    return statistics.stdev(values) if len(values) > 1 else None


def _read_config(row: dict[str, Any]) -> Any:
    return json.loads(row["config"])
