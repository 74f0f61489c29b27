"""A Ray of a launch's own: on loopback alone, gone with its driver, and without secrets in its files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.clusters import alive, family, listening
from tests.support.harness import LIMIT, executions, start, wait_until
from tests.support.where import SECRET, begin

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def test_a_private_ray_listens_on_loopback_only_and_dies_with_its_driver(space: Path, tmp_path: Path) -> None:
    """The driver, Ray's workers and its agents are interpreters of their own here, as a user has them."""
    storage = tmp_path / "storage"
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled"]
    driver = start(*command, "--set", "train.epochs=50000", own=True)
    try:
        assert wait_until(lambda: bool(executions(storage)))
        started = family(driver.pid)
        sockets = listening(started)
        assert sockets
        assert {address for address, _ in sockets} <= {"127.0.0.1", "::1"}, sockets
        ports = {port for _, port in sockets}
        assert not ports & {8265, 6379, 10001, 52365}, "no dashboard, no agent's web server, no fixed ports"
        commands = [" ".join(psutil.Process(pid).cmdline()) for pid in alive(started)]
        unneeded = [command for command in commands if "monitor.py" in command or "dashboard.py" in command]
        assert not unneeded, "nor what a sweep has no use for"
        _refuses_strangers(started)
        environment = psutil.Process(max(started)).environ()
        folder = Path(environment["RAY_AUTH_TOKEN_PATH"]).parent
        assert folder.stat().st_mode & 0o077 == 0
    finally:
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
    gone = wait_until(lambda: not alive(started))
    assert gone, [psutil.Process(pid).cmdline() for pid in alive(started)]
    assert wait_until(lambda: not folder.exists()), "nor does it leave its folder"


def _refuses_strangers(started: set[int]) -> None:
    """Without the token of the sweep nobody gets in."""
    gcs = next(psutil.Process(pid) for pid in started if psutil.Process(pid).name() == "gcs_server")
    port = next(word.split("=")[1] for word in gcs.cmdline() if word.startswith("--gcs_server_port="))
    shown = [port for (_, port), name in listening({gcs.pid}).items() if name == "gcs_server"] or [int(port)]
    code = (
        "from ray._raylet import GcsClient\n"
        f"print(GcsClient(address='127.0.0.1:{shown[0]}').internal_kv_keys(b'', None, 5))"
    )
    strange = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    asked = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env=strange | {"RAY_AUTH_MODE": "disabled"},
    )
    assert asked.returncode != 0, asked.stdout
    assert "InvalidAuthToken" in asked.stderr + asked.stdout


def test_secrets_stand_in_no_command_line_and_no_file_of_a_private_ray(space: Path, tmp_path: Path) -> None:
    storage, log = tmp_path / "storage", tmp_path / "log"
    names = ("WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
    env = os.environ | dict.fromkeys(names, SECRET)
    driver = begin(
        "launch", "--space", space, "--storage", storage, "--set", "train.epochs=50000",
        "--set", "attack.eps={grid_search: [0, 2/255, 16/255]}", env=env, log=log,
    )  # fmt: skip
    assert wait_until(lambda: bool(executions(storage))), log.read_text()
    started = family(driver.pid)
    worker = psutil.Process(executions(storage)[0]["pid"])
    folder = Path(worker.cwd())
    assert (folder / "token").is_file()
    commands = [" ".join(psutil.Process(pid).cmdline()) for pid in alive(started)]
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 10
    told = [file for file in files if SECRET.encode() in file.read_bytes()]
    os.kill(driver.pid, signal.SIGINT)
    assert driver.wait(timeout=LIMIT) == 130, log.read_text()
    assert not [command for command in commands if SECRET in command]
    assert not told
    left = [file for file in storage.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]
    assert not left
    assert SECRET not in log.read_text()
