"""Where the W&B files of a sweep lie, and what is known of them: which runs are whole, which the server has."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import UnreadableError, UsageError
from tasks.storage.documents import Document, note_passed_over
from tasks.storage.local_files import check_no_link_leads_out

FORMAT = 1
WRITTEN, SENT, PLACE, REPORT = "written.txt", "sent.txt", "wandb.json", "report.json"
RUNS_FOLDER, RUN = "wandb", "run-"
"""Where W&B keeps runs below its folder, and what the names of their own folders hold."""
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


class LocalPlace(Document):
    """A folder of a machine."""

    host: str
    folder: str


class PlaceDocument(Document):
    """The content of `wandb.json`."""

    project: str
    places: list[LocalPlace]


class ReportDocument(Document):
    """The content of `report.json`."""

    url: str


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

    def check_links(self, runs: Sequence[Path] = ()) -> None:
        """Look at every link through which W&B would write or read; those that it makes itself stay inside.

        :param runs: folders of runs that are about to be sent; others are only written under names that are new.
        :raises MisplacedError: one leads out of the storage.
        """
        root = self.sweep.storage.local or self.path.parent
        check_no_link_leads_out(str(root), self.path.relative_to(root).as_posix())
        runs_folder = self.path / RUNS_FOLDER
        for link in _list_links(self.path, skip=lambda entry: entry.parent == runs_folder and RUN in entry.name):
            check_no_link_leads_out(str(root), link.relative_to(root).as_posix())
        for run in runs:
            # in its logs W&B itself leaves a link to the log of its service; they are neither read nor written again
            for link in _list_links(run, skip=lambda entry: entry.name == "logs"):
                check_no_link_leads_out(str(root), link.relative_to(root).as_posix())

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
        found = sorted(self.path.glob(f"{RUNS_FOLDER}/offline-{RUN}*-{run_id(self.sweep.sweep_id, key)}"))
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
        return self._read_document(PLACE, PlaceDocument)

    def report(self) -> dict[str, Any]:
        """What is known of the report on the server: its `url`; empty where there is none."""
        return self._read_document(REPORT, ReportDocument)

    def remember_report(self, url: str) -> None:
        """Keep the address of the report, under which it is found again."""
        self._write_json(REPORT, {"format": FORMAT, "url": url})

    def _name(self, name: str) -> str:
        return self.sweep.path(paths.WANDB, name)

    def _list(self, name: str) -> list[str]:
        try:
            content = self.sweep.storage.read(self._name(name)).decode(errors="replace")
        except FileNotFoundError:
            return []
        except UnreadableError as error:
            note_passed_over(error)
            return []
        return list(dict.fromkeys(content.split()))

    def _read_document(self, name: str, shape: type[Document]) -> dict[str, Any]:
        try:
            return self.sweep.storage.read_document(self._name(name), shape)
        except FileNotFoundError:
            return {}
        except UnreadableError as error:
            note_passed_over(error)
            return {}

    def _write_json(self, name: str, content: dict[str, Any]) -> None:
        self.sweep.storage.write(self._name(name), json.dumps(content, indent=1, sort_keys=True).encode())


def _list_links(folder: Path, skip: Callable[[Path], bool] = lambda _: False) -> Iterator[Path]:
    """Every link below a folder; what they lead to is not looked at."""
    if not folder.is_dir() or folder.is_symlink():
        return
    for entry in os.scandir(folder):
        if entry.is_symlink():
            yield Path(entry.path)
        elif entry.is_dir() and not skip(Path(entry.path)):
            yield from _list_links(Path(entry.path), skip)


def keep_inside(folder: WandbFolder) -> None:
    """Keep the W&B of this process inside the folder of the sweep, and out of the network.

    :raises MisplacedError: a link there leads out of the storage.
    """
    folder.check_links()
    os.environ.update(folder.environment())
