"""A launch whose driver runs on a cluster's head: as a job that outlives this process, or attached to it.

Tune over a Ray client connection hangs at the end of its grid, and a laptop that sleeps takes its driver along. So the
same command runs on the head, and this process only shows what it prints.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from rich.console import Console

from orchestrator.cluster.address import AUTO, Address, AddressKind
from orchestrator.cluster.packages import build_runtime_environment
from orchestrator.options import LaunchOptions, format_arguments
from orchestrator.plan.plan import make_sweep_id
from orchestrator.remote.submission import JobSubmission
from orchestrator.space.space import Space, find, list_shipped
from tasks.errors import UsageError
from tasks.plugins.bundle import write_plugins
from tasks.temporary import use_temporary_folder


def launch_there(options: LaunchOptions, address: Address, space: Space, console: Console) -> int:
    """Have a sweep run on a cluster and show how it goes; returns the exit code.

    :raises UsageError: the cluster does not answer, or something means nothing on another machine.
    """
    with use_temporary_folder() as folder:
        name = options.space
        if name not in list_shipped():
            file = find(name)
            shutil.copyfile(file, folder / file.name)
            name = file.name
        words = ("launch", *format_arguments(replace(options, space=name, address=AUTO, plugins=())))
        return _run(words, options, address, space, folder, console)


def run_there(words: tuple[str, ...], options: LaunchOptions, address: Address, space: Space, console: Console) -> int:
    """Have another command run on a cluster, which itself finds the trials of a space; returns the exit code.

    :param words: of the command; where it runs and the plugins are added.
    :param options: storage, data folder and plugins.
    :raises UsageError: as for a launch.
    """
    with use_temporary_folder() as folder:
        return _run((*words, f"--address={AUTO}"), options, address, space, folder, console)


def _run(
    words: tuple[str, ...], options: LaunchOptions, address: Address, space: Space, folder: Path, console: Console
) -> int:
    _check_storage(options.storage, address)
    if options.data_dir is not None and not options.data_dir.is_absolute():
        raise UsageError(f"--data-dir {options.data_dir}: give a full path, as it is on the nodes of the cluster")
    trial_ids = list(dict.fromkeys(trial.trial_id for trial in space.trials))
    environment = build_runtime_environment() | {"working_dir": str(folder)}
    plugins = [f"--plugin={file}" for file in write_plugins(folder / "plugins", folder)]
    sweep_id = make_sweep_id(space.name, trial_ids)
    submission = JobSubmission(sweep_id, len(trial_ids), (*words, *plugins), environment, options.storage)
    if address.place is AddressKind.job:
        from orchestrator.remote.follow_job import run_job

        return run_job(submission, address, console)
    from orchestrator.remote.attached_driver import run_attached

    return run_attached(submission, address, console)


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
