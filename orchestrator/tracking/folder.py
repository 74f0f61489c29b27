"""Where the W&B files of a sweep lie, and what is known of them: which runs are whole, which the server has."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import UsageError

FORMAT = 1
WRITTEN, SENT, PLACE, REPORT = "written.txt", "sent.txt", "wandb.json", "report.json"
NOT_IN_PROJECTS = "/\\#?%:"
LOCAL_FOLDERS = (("WANDB_DIR", ""), ("WANDB_DATA_DIR", "data"), ("WANDB_CACHE_DIR", "cache"))
"""Everything that W&B writes: tables and artifacts wait in the data folder, and cannot be sent without it."""


def run_id(sweep_id: str, key: str) -> str:
    """The id of a run: the same in every launch, so that nothing appears twice.

    :param key: the id of a trial, or another name that is unique in the sweep.
    """
    return hashlib.sha256(f"{sweep_id}/{key}".encode()).hexdigest()[:20]


def check_project(project: str) -> None:
    """:raises UsageError: W&B takes no project of this name."""
    if not project or len(project) > 128 or set(project) & set(NOT_IN_PROJECTS):
        raise UsageError(f"--project {project!r}: 1 to 128 characters without any of {' '.join(NOT_IN_PROJECTS)}")


@dataclass(frozen=True)
class WandbFolder:
    """The W&B files of one sweep. The lists of runs lie in the storage, the files themselves always on a local disk."""

    sweep: SweepStore

    @property
    def path(self) -> Path:
        """The folder of the files on this machine: beside the results where those are local."""
        if self.sweep.storage.local is not None:
            return Path(self.sweep.storage.path(self.sweep.path(paths.WANDB)))
        return Path("wandb").absolute() / self.sweep.sweep_id

    def environment(self) -> dict[str, str]:
        """Variables that keep W&B inside the folder, and silent."""
        for _, name in LOCAL_FOLDERS:
            (self.path / name).mkdir(parents=True, exist_ok=True)
        return {name: str(self.path / folder) for name, folder in LOCAL_FOLDERS} | {
            "WANDB_SILENT": "true",
            "WANDB_ERROR_REPORTING": "false",
        }

    def written(self) -> list[str]:
        """Keys of the runs that are whole, in the order of writing."""
        return self._list(WRITTEN)

    def sent(self) -> set[str]:
        """Keys of the runs that the server has."""
        return set(self._list(SENT))

    def unsent(self) -> list[str]:
        """Keys of the whole runs that the server does not have."""
        sent = self.sent()
        return [key for key in self.written() if key not in sent]

    def sendable(self) -> list[str]:
        """Those of them whose files lie on this machine."""
        return [key for key in self.unsent() if self.run_folder(key)]

    def add_written(self, key: str) -> None:
        """Note that a run is whole."""
        self.sweep.storage.append(self._name(WRITTEN), key)

    def add_sent(self, keys: Iterable[str]) -> None:
        """Note that the server has these runs."""
        for key in keys:
            self.sweep.storage.append(self._name(SENT), key)

    def run_folder(self, key: str) -> Path | None:
        """The files of a run on this machine; null where there are none."""
        found = sorted(self.path.glob(f"wandb/offline-run-*-{run_id(self.sweep.sweep_id, key)}"))
        return found[-1] if found else None

    def remember_place(self, project: str) -> None:
        """Write where the files lie, and the project they are meant for."""
        place = {"host": platform.node(), "folder": str(self.path)}
        known = self.place()
        places = [*known.get("places", []), *([] if place in known.get("places", []) else [place])]
        found = {"format": FORMAT, "project": project, "places": places}
        if found != known:
            self._write_json(PLACE, found)

    def place(self) -> dict[str, Any]:
        """`project`, and `places`, a list of `host` and `folder`; empty where nothing was ever written."""
        return self._read_json(PLACE)

    def report(self) -> dict[str, Any]:
        """What is known of the report on the server: its `url`; empty where there is none."""
        return self._read_json(REPORT)

    def remember_report(self, url: str) -> None:
        """Keep the address of the report, under which it is found again."""
        self._write_json(REPORT, {"format": FORMAT, "url": url})

    def _name(self, name: str) -> str:
        return self.sweep.path(paths.WANDB, name)

    def _list(self, name: str) -> list[str]:
        try:
            content = self.sweep.storage.read(self._name(name)).decode()
        except FileNotFoundError:
            return []
        return list(dict.fromkeys(content.split()))

    def _read_json(self, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self.sweep.storage.read(self._name(name)))
        except (FileNotFoundError, ValueError):
            return {}
        return found

    def _write_json(self, name: str, content: dict[str, Any]) -> None:
        self.sweep.storage.write(self._name(name), json.dumps(content, indent=1, sort_keys=True).encode())


def keep_inside(folder: WandbFolder) -> None:
    """Keep the W&B of this process inside the folder of the sweep, and out of the network."""
    os.environ.update(folder.environment())
