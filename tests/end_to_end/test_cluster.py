"""The Ray that a sweep runs on: private, joined, attached and as a job; real clusters on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from tests.support.clusters import Head, alive, family, head, listening
from tests.support.harness import COMMAND, LIMIT, ONE, ended, executions, rows, start, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

SPACE = """
description: a few stages, so that what is tested is where they run
dataset: {name: digits, image_size: 16, train_examples: 100, split: {test: 0.1}}
model: {name: resnet8}
train: {epochs: 1, batch_size: 50, optimizer: {name: sgd, lr: 0.1}}
prune: {ratio: 0.5}
attack: {name: fgsm, eps: {grid_search: [0, 16/255]}, examples: 50}
"""
SECRET = "planted-secret-5d1c"
FINISHED = "2 trials, 2 finished, 0 failed, 0 not run"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Head]:
    """A head of two CPUs with its dashboard and its Ray client server."""
    with head() as started:
        yield started


@pytest.fixture
def space(tmp_path: Path) -> Path:
    file = tmp_path / "where.yaml"
    file.write_text(SPACE)
    return file


def run(
    *arguments: str | Path, env: Mapping[str, str], code: int = 0, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """A command with the variables of a cluster."""
    words = [*COMMAND, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, check=False, env=dict(env), cwd=folder)
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def begin(*arguments: str | Path, env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command whose output goes to a file."""
    with log.open("wb") as output:
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**env, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )


def test_a_private_ray_listens_on_loopback_only_and_dies_with_its_driver(space: Path, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    driver = start("launch", "--space", space, "--storage", storage, "--wandb", "disabled", "--set", "train.epochs=200")
    try:
        assert wait_until(lambda: bool(executions(storage)))
        started = family(driver.pid)
        sockets = listening(started)
        assert sockets
        assert {address for address, _ in sockets} <= {"127.0.0.1", "::1"}, sockets
        ports = {port for _, port in sockets}
        assert not ports & {8265, 6379, 10001, 52365}, "no dashboard, no agent's web server, no fixed ports"
        commands = [" ".join(psutil.Process(pid).cmdline()) for pid in alive(started)]
        assert not [command for command in commands if "monitor.py" in command], "nor what a sweep has no use for"
        _refuses_strangers(started)
        environment = psutil.Process(max(started)).environ()
        folder = Path(environment["RAY_AUTH_TOKEN_PATH"]).parent
        assert folder.stat().st_mode & 0o077 == 0
    finally:
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
    gone = wait_until(lambda: not alive(started), 60)
    assert gone, [psutil.Process(pid).cmdline() for pid in alive(started)]
    assert wait_until(lambda: not folder.exists(), 60), "nor does it leave its folder"


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


def test_a_cluster_is_joined_and_its_nodes_are_asked_first(cluster: Head, space: Path, tmp_path: Path) -> None:
    storage, env = tmp_path / "storage", cluster.environment
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled", *ONE]
    joining: list[str | Path] = [*command, "--address", cluster.address]
    refused = run(*joining, "--set", "resources.attack.gpus=0.25", env=env, code=2)
    assert "attack asks for 1 CPUs and 0.25 GPUs; no node has that" in refused.stderr
    assert "1 x node of 2 CPUs and 0 GPUs" in refused.stderr
    assert not executions(storage)
    assert FINISHED in run(*joining, env=env).stdout
    assert set(ended(storage).values()) == {1}
    assert {address for address, _ in listening(cluster.family())} <= {"127.0.0.1", "::1"}
    sent = list((cluster.folder / "ray").glob("session_2*/runtime_resources/py_modules_files/*/*/**/*"))
    names = {file.name for file in sent if file.is_file()}
    assert {"worker_pool.py", "chain.py", "digits.yaml"} <= names, "the code came by itself"
    assert {Path(name).suffix for name in names} <= {".py", ".typed", ".yaml", ".json", ".css", ".js", ".jinja"}
    assert sum(file.stat().st_size for file in sent if file.is_file()) < 3e6


def test_a_job_outlives_the_laptop_and_is_joined_and_stopped(cluster: Head, space: Path, tmp_path: Path) -> None:
    storage, log = tmp_path / "storage", tmp_path / "log"
    address = ["--address", f"http://127.0.0.1:{cluster.dashboard}"]
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, *address, *ONE]
    env = cluster.environment | {"WANDB_API_KEY": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET}
    assert "a folder of this machine" in run(*command[:3], "--storage", "results", *address, env=env, code=2).stderr
    watching = begin(*command, "--set", "train.epochs=500", env=env, log=log)
    assert wait_until(lambda: bool(executions(storage)) and "to do" in log.read_text()), log.read_text()
    os.kill(watching.pid, signal.SIGINT)
    assert watching.wait(timeout=LIMIT) == 130
    assert "left; the sweep goes on as Ray job where-" in log.read_text()
    joined = begin(*command, "--set", "train.epochs=500", env=env, log=log)
    assert wait_until(lambda: "to do" in log.read_text()), log.read_text()
    assert "runs already as Ray job" in log.read_text()
    (job,) = json.loads(run("status", "--json", *address, env=env).stdout)
    assert job["status"] == "RUNNING"
    assert "is stopped" in run("stop", "where", *address, env=env).stdout
    assert joined.wait(timeout=LIMIT) == 130
    assert "interrupted: nothing finished is lost" in run("logs", "where", *address, env=env).stdout
    assert FINISHED in run(*command, env=env).stdout
    assert {row["status"] for row in rows(storage)} == {"finished"}
    _holds_no_secret(cluster, storage, env)


def _holds_no_secret(cluster: Head, storage: Path, env: Mapping[str, str]) -> None:
    """Neither in what the dashboard tells of the jobs, nor in any file of the cluster or the storage."""
    code = (
        "from ray.job_submission import JobSubmissionClient\n"
        f"print(JobSubmissionClient('http://127.0.0.1:{cluster.dashboard}').list_jobs())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(env), check=True)
    assert "advsweep_sweep" in told.stdout
    assert SECRET not in told.stdout
    files = [file for folder in (cluster.folder / "ray", storage) for file in folder.rglob("*") if file.is_file()]
    assert not [file for file in files if SECRET.encode() in file.read_bytes()]


def test_attached_to_the_head_by_rays_client(cluster: Head, space: Path, tmp_path: Path) -> None:
    storage, log = tmp_path / "storage", tmp_path / "log"
    address = f"ray://127.0.0.1:{cluster.client}"
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--address", address, *ONE]
    shown = begin(*command, "--set", "train.epochs=500", env=cluster.environment, log=log)
    assert wait_until(lambda: bool(executions(storage)) and "to do" in log.read_text()), log.read_text()
    os.kill(shown.pid, signal.SIGINT)
    assert shown.wait(timeout=LIMIT) == 130, log.read_text()
    assert "interrupted: nothing finished is lost" in log.read_text()
    assert FINISHED in run(*command, env=cluster.environment).stdout
    shutil.rmtree(storage)


def test_two_sweeps_on_one_cluster_do_not_wait_for_each_other(cluster: Head, space: Path, tmp_path: Path) -> None:
    env = cluster.environment
    shared: list[str | Path] = ["launch", "--space", space, "--address", cluster.address, "--wandb", "disabled"]
    long, short = tmp_path / "long", tmp_path / "short"
    first = begin(
        *shared, "--storage", long, "--set", "train.epochs=500", "--max-concurrent", "1", env=env, log=tmp_path / "log"
    )
    assert wait_until(lambda: bool(executions(long))), (tmp_path / "log").read_text()
    assert FINISHED in run(*shared, "--storage", short, "--max-concurrent", "1", env=env).stdout
    assert first.poll() is None
    assert {row["status"] for row in rows(short)} == {"finished"}
    os.kill(first.pid, signal.SIGINT)
    assert first.wait(timeout=LIMIT) == 130, (tmp_path / "log").read_text()


def test_a_ray_of_somebody_else_on_the_machine_is_left_alone(cluster: Head, space: Path, tmp_path: Path) -> None:
    before = {pid for pid in cluster.family() if psutil.Process(pid).name() in ("raylet", "gcs_server")}
    assert len(before) == 2
    strange = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    command: list[str | Path] = [
        "launch",
        "--space",
        space,
        "--storage",
        tmp_path / "storage",
        "--wandb",
        "disabled",
        *ONE,
    ]
    shown = run(*command, env=strange)
    assert FINISHED in shown.stdout
    assert alive(before) == before
    used = {entry["pid"] for entry in executions(tmp_path / "storage")}
    assert not used & cluster.family()
    code = f"import ray; ray.init(address={cluster.address!r}, logging_level='ERROR'); print(ray.cluster_resources())"
    asked = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=cluster.environment, check=True
    )
    assert "'CPU': 2.0" in asked.stdout, "it still answers"


def test_secrets_stand_in_no_command_line_and_no_file_of_a_private_ray(space: Path, tmp_path: Path) -> None:
    storage, log = tmp_path / "storage", tmp_path / "log"
    names = ("WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
    env = os.environ | dict.fromkeys(names, SECRET)
    driver = begin(
        "launch", "--space", space, "--storage", storage, "--set", "train.epochs=300",
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


AUTOSCALED = {
    "cluster_name": "fake",
    "max_workers": 4,
    "idle_timeout_minutes": 0.05,
    "upscaling_speed": 10.0,
    "provider": {
        "type": "fake_multinode",
        "use_node_id_as_ip": True,
        "disable_node_updaters": True,
        "disable_launch_config_check": True,
    },
    "head_node_type": "ray.head.default",
    "available_node_types": {
        "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "small": {"resources": {"CPU": 1, "GPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": 4},
    },
}


def test_a_sweep_scales_a_cluster_from_nothing_and_back(space: Path, tmp_path: Path) -> None:
    storage, log = tmp_path / "storage", tmp_path / "log"
    with head(cpus=0, autoscaling=AUTOSCALED) as started:
        command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--address", started.address]
        command += ["--set", "prune.ratio={grid_search: [0.2, 0.5]}", "--set", "resources.attack.gpus=0.5"]
        refused = run(*command, "--set", "resources.train={cpus: 2, gpus: 1}", env=started.environment, code=2)
        assert "train asks for 2 CPUs and 1 GPUs" in refused.stderr
        assert "may start type small of 1 CPUs and 1 GPUs" in refused.stderr
        assert workers(started) == 0
        sweep = begin(*command, env=started.environment, log=log)
        most = 0

        def over() -> bool:
            nonlocal most
            most = max(most, workers(started))
            return sweep.poll() is not None

        assert wait_until(over), log.read_text()
        assert "4 trials, 4 finished, 0 failed, 0 not run" in log.read_text()
        assert 1 <= most <= 4
        assert len({entry["pid"] for entry in executions(storage)}) > 1
        assert wait_until(lambda: workers(started) == 0), "idle nodes go"


def workers(started: Head) -> int:
    """Nodes beside the head: each is a raylet."""
    count = -1
    for pid in started.family():
        with contextlib.suppress(psutil.NoSuchProcess):
            count += psutil.Process(pid).name() == "raylet"
    return count


def test_a_cluster_that_is_not_there_or_wants_a_token(cluster: Head, space: Path, tmp_path: Path) -> None:
    command: list[str | Path] = ["launch", "--space", space, "--storage", tmp_path / "storage", "--address"]
    begun = time.monotonic()
    for address, message in {
        "127.0.0.1:1": "nothing answers there",
        "ray://127.0.0.1:1": "nothing answers there",
    }.items():
        assert message in run(*command, address, env=cluster.environment, code=2).stderr
    strange = cluster.environment | {"RAY_AUTH_MODE": "disabled"}
    refused = run(*command, f"http://127.0.0.1:{cluster.dashboard}", env=strange, code=2)
    assert "RAY_AUTH_MODE=token" in refused.stderr
    assert time.monotonic() - begun < LIMIT
