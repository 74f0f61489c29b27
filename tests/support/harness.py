"""How tests run advsweep as a user does, and look at what it left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import prepared
from tests.support.parted_process import Options, PartedProcess, run_parted

if TYPE_CHECKING:
    from typing_extensions import Unpack

COMMAND = [sys.executable, "-m", "advsweep"]
ONE = ("--max-concurrent", "1")
"""For a launch whose stages take no second: a second worker costs more than it does."""
LIMIT = 540
"""Seconds after which a command of a test has hung, however busy the machine is; a minute less than a test has."""


def advsweep(
    *arguments: str | Path, code: int | None = 0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    :param code: the exit code that it must have.
    :param env: null: the variables of now.
    """
    words, variables = list(map(str, arguments)), dict(os.environ if env is None else env)
    if words[0] == "report" and "ADVSWEEP_CACHE" in variables:
        from tests.support.lent_vega import lend_vega  # here, for the process that hands out tests

        lend_vega(variables)
    if prepared.can_run(words[0], variables):
        ended = run_parted(words, variables, prepared.find_address(), LIMIT)
    else:
        command = [*COMMAND, *words]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False, env=variables)
    assert code is None or ended.returncode == code, f"exit code {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    return ended


def start(*arguments: str | Path, own: bool = False) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own."""
    nowhere = subprocess.DEVNULL
    return spawn(arguments, own=own, stdout=nowhere, stderr=nowhere, start_new_session=True)


def spawn(
    arguments: Sequence[str | Path],
    patch: str = "",
    env: Mapping[str, str] | None = None,
    own: bool = False,
    own_workers: bool = False,
    **options: Unpack[Options],
) -> subprocess.Popen[Any]:
    """Start a command.

    :param patch: Python that is run before it, such as a constant that is set.
    :param env: null: the variables of now.
    :param own: it, Ray's workers and its agents are interpreters of their own, as a user has them.
    :param own_workers: Ray's workers and its agents are.
    """
    words, variables = list(map(str, arguments)), dict(os.environ if env is None else env)
    if not own and prepared.can_run(words[0], variables):
        workers = "" if own_workers else prepared.find_address()
        return PartedProcess(words, patch, workers, variables, **options)
    command = [sys.executable, "-c", f"{patch}\nfrom orchestrator.cli import main\nmain()"] if patch else COMMAND
    return subprocess.Popen([*command, *words], env=variables, **options)


def list_imported_modules(statement: str) -> set[str]:
    """The modules that a fresh process holds after a statement."""
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT)
    return set(json.loads(ended.stdout.splitlines()[-1]))


def wait_until(condition: Callable[[], bool], seconds: float = LIMIT, pause: float = 0.05) -> bool:
    """Poll; false if the time was up first.

    :param pause: seconds between two looks; longer ones for a look that costs something, at what stays for a while.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(pause)
    return False


def executions(storage: Path) -> list[dict[str, Any]]:
    """Every line of the workers' own logs, in the order of time."""
    lines = [line for log in storage.glob("sweeps/*/executions/*.jsonl") for line in log.read_text().splitlines()]
    entries = []
    for line in lines:
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue  # the line that a killed worker was writing
    return sorted(entries, key=lambda entry: float(entry["time"]))


def ended(storage: Path) -> Counter[str]:
    """How often each stage was finished, by the workers' own logs."""
    return Counter(entry["key"] for entry in executions(storage) if entry["event"] == "end")


def rows(storage: Path) -> list[dict[str, Any]]:
    """The rows of all sweeps of a storage, by trial id."""
    import pyarrow.parquet as pq  # here, for the process that hands out tests

    parts = sorted(storage.glob("sweeps/*/trials/*.parquet"))
    found = [row for part in parts for row in pq.read_table(part).to_pylist()]
    return sorted(found, key=lambda row: str(row["trial_id"]))


def results_only(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what differs between two runs of the same work: times."""
    return {name: value for name, value in row.items() if not name.endswith(("_seconds", "_at"))}


def artifacts(storage: Path) -> dict[str, bytes]:
    """Weights and attacked images of every stage, as bytes, by stage key and file."""
    found = {}
    for folder in sorted((storage / "stages").iterdir()):
        assert not folder.name.startswith(".tmp"), folder
        for name in ("model.safetensors", "examples.parquet", "preview.safetensors"):
            if (folder / name).is_file():
                found[f"{folder.name}/{name}"] = (folder / name).read_bytes()
    return found


def histories(storage: Path) -> dict[str, list[dict[str, Any]]]:
    """The epochs of every stage without their times."""
    import pyarrow.parquet as pq

    found = {}
    for file in sorted(storage.glob("stages/*/history.parquet")):
        entries = pq.read_table(file).drop_columns(["seconds"]).to_pylist()
        found[file.parent.name] = entries
    return found


def same(storage: Path, reference: Path) -> None:
    """Weights and attacked images to the bit, histories and rows but for their times and the sweep that they are of.

    The storage may hold a part of the reference.
    """
    found, expected = artifacts(storage), artifacts(reference)
    assert found == {name: expected[name] for name in found}
    epochs, told = histories(storage), histories(reference)
    assert epochs == {key: told[key] for key in epochs}
    undisturbed = {row["trial_id"]: results_only(row) for row in rows(reference)}
    newest = {row["trial_id"]: results_only(row) for row in rows(storage) if row["status"] == "finished"}
    assert newest == {
        trial_id: {**undisturbed[trial_id], "sweep_id": row["sweep_id"]} for trial_id, row in newest.items()
    }


def nothing_ran_after_it_was_finished(storage: Path) -> None:
    """By the workers' own logs, in the order of time."""
    finished: set[str] = set()
    for entry in executions(storage):
        assert not (entry["event"] == "start" and entry["key"] in finished), entry
        if entry["event"] == "end":
            finished.add(entry["key"])


def kill(pids: set[int] | list[int]) -> None:
    """kill -9, by process id; whoever is gone already is no error."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
