"""A launch whose driver runs on a cluster's head: as a job that outlives this process, or attached to it.

Tune over a Ray client connection hangs at the end of its grid, and a laptop that sleeps takes its driver along. So the
same command runs on the head, and this process only shows what it prints.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from rich.console import Console

from orchestrator.cluster.address import AUTO, Address, AddressKind
from orchestrator.cluster.packages import build_runtime_environment
from orchestrator.plan.plan import make_sweep_id
from orchestrator.space.space import Space, find, list_shipped
from tasks.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.options import LaunchOptions
from orchestrator.remote.submission import JobSubmission

TRANSLATED = ("space", "address", "dry_run", "cpus")
"""Options that mean something else on the head, or nothing."""
REPEATED = {"overrides": "set", "timeouts": "timeout"}
"""Options that may be given often, and what they are called on the command line."""


def launch_there(options: LaunchOptions, address: Address, space: Space, console: Console) -> int:
    """Have a sweep run on a cluster and show how it goes; returns the exit code.

    :raises UsageError: the cluster does not answer, or something means nothing on another machine.
    """
    _check_storage(options.storage, address)
    if options.data_dir is not None and not options.data_dir.is_absolute():
        raise UsageError(f"--data-dir {options.data_dir}: give a full path, as it is on the nodes of the cluster")
    with _make_submission(options, space) as errand:
        if address.place is AddressKind.job:
            from orchestrator.remote.follow_job import run_job

            return run_job(errand, address, console)
        from orchestrator.remote.attached_driver import run_attached

        return run_attached(errand, address, console)


@contextlib.contextmanager
def _make_submission(options: LaunchOptions, space: Space) -> Iterator[JobSubmission]:
    trial_ids = list(dict.fromkeys(trial.trial_id for trial in space.trials))
    environment, name = build_runtime_environment(), options.space
    folder = Path(tempfile.mkdtemp(prefix="advsweep-"))
    try:
        if name not in list_shipped():
            file = find(name)
            shutil.copyfile(file, folder / file.name)
            name = file.name
        environment["working_dir"] = str(folder)
        found = make_sweep_id(space.name, trial_ids)
        yield JobSubmission(found, len(trial_ids), build_arguments(options, name), environment, options.storage)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build_arguments(options: LaunchOptions, space: str) -> tuple[str, ...]:
    """The command line of `launch` that says on the head what these options say here."""
    words = ["launch", "--space", space, f"--address={AUTO}"]
    for option in fields(options):
        value = getattr(options, option.name)
        if option.name in TRANSLATED or (value == option.default and option.name != "storage"):
            continue
        if option.name in REPEATED:
            words += [f"--{REPEATED[option.name]}={text}" for text in value]
            continue
        name = f"--{option.name.replace('_', '-')}"
        words.append(name if value is True else f"{name}={value}")
    return tuple(words)


def _check_storage(uri: str, address: Address) -> None:
    """:raises UsageError: the head would not find the storage, or would show a secret in it to everybody."""
    if "://" not in uri:
        if not Path(uri).is_absolute():
            raise UsageError(
                f"--storage {uri}: a folder of this machine, and the sweep runs on {address.text}: "
                "give s3://BUCKET/FOLDER, or the full path of a folder that every node shares"
            )
        return
    parts = urlsplit(uri)
    named = [name for name, _ in parse_qsl(parts.query) if "key" in name.lower() or "secret" in name.lower()]
    if parts.username or parts.password or named:
        raise UsageError("--storage: a job's description can be read by others; let the nodes have the keys of it")
