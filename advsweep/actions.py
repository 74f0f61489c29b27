"""Plan, launch and open sweeps from Python: what the command line does, with exceptions in the place of exit codes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypedDict

from rich.console import Console
from typing_extensions import Unpack

from advsweep.sweep import Sweep
from orchestrator.launch import launch_space
from orchestrator.options import DEFAULT_STORAGE, INTERRUPTED, SOME_FAILED, DeviceChoice, LaunchOptions, WandbMode
from orchestrator.plan.fits import check_fits
from orchestrator.plan.plan import Plan, make_plan, make_sweep_id
from orchestrator.space.given import copy_plain, write_space
from orchestrator.space.space import Space, load, load_content
from orchestrator.store.sweep_store import SweepStore, find_sweep
from orchestrator.text import say
from orchestrator.tracking.folder import check_project
from tasks.plugins.load import load_plugins
from tasks.storage.storage import open_storage

SpaceLike = str | Path | Mapping[str, Any]
"""A shipped space by its name, the path of a YAML file, or the content of one."""
Overrides = Sequence[str] | Mapping[str, Any]
"""`["prune.ratio=0.3"]` or `{"prune.ratio": 0.3}`."""
MOST_ERRORS = 5
"""Distinct errors that an exception lists."""


class TrialsFailedError(Exception):
    """Some trials of a sweep failed or could not run; `sweep` has the others."""

    def __init__(self, sweep: Sweep) -> None:
        """:param sweep: that has ended."""
        facts = sweep.status()
        missing = facts["failed"] + facts["missing"]
        lines = [f"{sweep.sweep_id}: {missing} of {facts['trials']} trials have no result"]
        super().__init__("\n  ".join(lines + facts["errors"][:MOST_ERRORS]))
        self.sweep = sweep


def plan(
    space: SpaceLike,
    *,
    overrides: Overrides = (),
    data_dir: str | Path | None = None,
    verify: bool = False,
    name: str = "space",
) -> Plan:
    """The trials of a space and the stages that they share; nothing runs.

    :param data_dir: root of the data sets that live on disk; null: `$ADVSWEEP_DATA_DIR`.
    :param verify: add attacks that make more checks of the numbers possible.
    :param name: of a space that is given by its content.
    :raises UsageError: with every mistake of the space and the overrides, or with all that the models cannot do.

    >>> plan = advsweep.plan("digits", overrides={"seed": 0})
    >>> len(plan), len(plan.trials), len(plan.stages)
    (120, 120, 132)
    """
    made = make_plan(_read_space(space, overrides, verify, name), _find_data_dir(data_dir))
    check_fits(made)
    return made


class LaunchKeywords(TypedDict, total=False):
    """Further options of a launch; what each means, and its default, is that of `advsweep launch --help`."""

    cpus_per_trial: float | None
    gpus_per_trial: float | None
    device: DeviceChoice
    max_concurrent: int | None
    max_failures: int
    max_preemptions: int
    timeouts: Sequence[str]
    wandb: WandbMode
    wandb_runs: int
    project: str
    fresh: bool
    verify: bool
    plugins: Sequence[str]
    cpus: int | None
    gpus: int | None


def launch(
    space: SpaceLike,
    *,
    overrides: Overrides = (),
    storage: str | Path | None = None,
    data_dir: str | Path | None = None,
    address: str | None = None,
    name: str = "space",
    progress: bool = True,
    check: bool = True,
    **options: Unpack[LaunchKeywords],
) -> Sweep:
    """Run what is missing of a sweep, and return it.

    Ctrl-C, and the stop button of a notebook, end it in order: what is finished is kept, the same call continues.

    :param storage: folder or URI; null: `$ADVSWEEP_STORAGE`, else `results`. Likewise `data_dir` and `address`.
    :param name: of a space that is given by its content.
    :param progress: print lines while it runs.
    :param check: raise where trials have failed.
    :param options: of `advsweep launch`, by their names with `_`; `cpus` and `gpus`: those of a private Ray.
    :raises UsageError: something about the request, before anything is started or written.
    :raises TrialsFailedError: trials failed; its `sweep` has the others.
    :raises KeyboardInterrupt: it was interrupted.

    >>> space = {
    ...     "dataset": {"name": "digits", "image_size": 8, "train_examples": 100},
    ...     "model": {"name": "resnet8"},
    ...     "train": {"epochs": 1, "optimizer": {"name": "sgd", "lr": 0.1}},
    ...     "attack": {"name": "fgsm", "eps": {"grid_search": ["4/255", "8/255"]}, "examples": 20},
    ... }
    >>> advsweep.launch(space, storage="results", wandb="disabled", progress=False).trials()["examples"].tolist()
    [20, 20]
    """
    with ExitStack() as cleanup:
        file = space if not isinstance(space, Mapping) else cleanup.enter_context(write_space(space, name))
        where = (_find_storage(storage), _find_data_dir(data_dir), _find_address(address))
        request = LaunchOptions(str(file), _write_overrides(overrides), *where, **options)
        console = Console(quiet=not progress, force_jupyter=False)
        check_project(request.project)
        for line in load_plugins(request.plugins):
            say(console, line)
        loaded = _read_space(space, request.overrides, request.verify, name)
        code = launch_space(loaded, request, console)
    sweep_id = make_sweep_id(loaded.name, list(dict.fromkeys(trial.trial_id for trial in loaded.trials)))
    sweep = Sweep(SweepStore(open_storage(request.storage), sweep_id))
    if code == INTERRUPTED:
        raise KeyboardInterrupt(f"{sweep_id}: nothing finished is lost, the same call continues")
    if code == SOME_FAILED and check:
        raise TrialsFailedError(sweep)
    return sweep


def open_sweep(sweep: str, *, storage: str | Path | None = None) -> Sweep:
    """`advsweep.open`: a sweep that was launched, finished or not.

    :param sweep: its id, or the beginning of one, such as the name of its space.
    :param storage: folder or URI; null: `$ADVSWEEP_STORAGE`, else `results`.
    :raises UsageError: there is none, or several begin so; the message lists them.

    >>> advsweep.open(sweep.sweep_id, storage=sweep.storage).status()["trials"] == len(sweep.trials())
    True
    """
    return Sweep(find_sweep(open_storage(_find_storage(storage)), sweep))


def _read_space(space: SpaceLike, overrides: Overrides, verify: bool, name: str) -> Space:
    if isinstance(space, Mapping):
        return load_content(name, name, copy_plain(space), _write_overrides(overrides), verify=verify)
    return load(str(space), _write_overrides(overrides), verify=verify)


def _write_overrides(overrides: Overrides) -> Sequence[str]:
    if isinstance(overrides, str):
        return [overrides]
    if not isinstance(overrides, Mapping):
        return list(overrides)
    return [f"{path}={json.dumps(copy_plain(value))}" for path, value in overrides.items()]


def _find_storage(storage: str | Path | None) -> str:
    return str(storage or os.environ.get("ADVSWEEP_STORAGE") or DEFAULT_STORAGE)


def _find_address(address: str | None) -> str:
    return address or os.environ.get("ADVSWEEP_ADDRESS") or LaunchOptions.address


def _find_data_dir(data_dir: str | Path | None) -> Path | None:
    found = data_dir or os.environ.get("ADVSWEEP_DATA_DIR")
    return Path(found) if found else None
