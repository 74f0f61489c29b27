"""The Ray that a sweep runs on: joined, attached and as a job; real clusters on loopback."""

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

from tests.support import labs
from tests.support.clusters import Head, alive, head, listening, without_ray
from tests.support.harness import COMMAND, LIMIT, ONE, advsweep, ended, executions, rows, wait_until
from tests.support.hostile import make_hostile_folder
from tests.support.labs import launch_lab, make_lab
from tests.support.where import SECRET, begin

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ENDLESS = ("--set", "train.epochs=50000")
"""A training that goes on until it is ended, however fast the machine is."""
FINISHED = "2 trials, 2 finished, 0 failed, 0 not run"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Head]:
    """A head of two CPUs with its dashboard and its Ray client server."""
    with head() as started:
        yield started


def run(*arguments: str | Path, env: Mapping[str, str], code: int = 0) -> subprocess.CompletedProcess[str]:
    """A command with the variables of a cluster."""
    done = advsweep(*arguments, env=env, code=code)
    assert "Traceback" not in done.stderr
    return done


def test_a_cluster_is_joined_and_its_nodes_are_asked_first(cluster: Head, space: Path, tmp_path: Path) -> None:
    storage, env = tmp_path / "storage", cluster.environment
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled", *ONE]
    joining: list[str | Path] = [*command, "--address", cluster.address]
    refused = run(*joining, "--set", "resources.attack.gpus=0.25", env=env, code=2)
    assert "attack asks for 1 CPU and 0.25 GPUs; no node has that" in refused.stderr
    assert "1 x node of 2 CPUs and 0 GPUs" in refused.stderr
    assert not executions(storage)
    assert FINISHED in run(*joining, env=env).stdout
    assert set(ended(storage).values()) == {1}
    assert {address for address, _ in listening(cluster.family())} <= {"127.0.0.1", "::1"}
    sent = list((cluster.folder / "ray").glob("session_2*/runtime_resources/py_modules_files/*/*/**/*"))
    compiled = [file for file in sent if "__pycache__" in file.parts]
    assert not [file for file in compiled if "cli" in file.parts], "by its workers; the launch has compiled these too"
    sent = [file for file in sent if file not in compiled and file.is_file()]
    names = {file.name for file in sent}
    assert {"worker_pool.py", "chain.py", "digits.yaml"} <= names, "the code came by itself"
    assert {Path(name).suffix for name in names} <= {".py", ".typed", ".yaml", ".json", ".css", ".js", ".jinja"}
    assert sum(file.stat().st_size for file in sent) < 3e6


def test_a_job_outlives_the_laptop_and_is_joined_and_stopped(cluster: Head, space: Path, tmp_path: Path) -> None:
    storage, log = tmp_path / "storage", tmp_path / "log"
    address = ["--address", f"http://127.0.0.1:{cluster.dashboard}"]
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, *address, *ONE]
    env = cluster.environment | {"WANDB_API_KEY": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET}
    assert "a folder of this machine" in run(*command[:3], "--storage", "results", *address, env=env, code=2).stderr
    watching = begin(*command, *ENDLESS, env=env, log=log)
    assert wait_until(lambda: bool(executions(storage)) and "to do" in log.read_text()), log.read_text()
    os.kill(watching.pid, signal.SIGINT)
    assert watching.wait(timeout=LIMIT) == 130
    assert "left; the sweep goes on as Ray job where-" in log.read_text()
    joined = begin(*command, *ENDLESS, env=env, log=log)
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
    shown = begin(*command, *ENDLESS, env=cluster.environment, log=log)
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
    first = begin(*shared, "--storage", long, *ENDLESS, "--max-concurrent", "1", env=env, log=tmp_path / "log")
    assert wait_until(lambda: bool(executions(long))), (tmp_path / "log").read_text()
    assert FINISHED in run(*shared, "--storage", short, "--max-concurrent", "1", env=env).stdout
    assert first.poll() is None
    assert {row["status"] for row in rows(short)} == {"finished"}
    os.kill(first.pid, signal.SIGINT)
    assert first.wait(timeout=LIMIT) == 130, (tmp_path / "log").read_text()


def test_a_ray_of_somebody_else_on_the_machine_is_left_alone(cluster: Head, space: Path, tmp_path: Path) -> None:
    before = {pid for pid in cluster.family() if psutil.Process(pid).name() in ("raylet", "gcs_server")}
    assert len(before) == 2
    command: list[str | Path] = ["launch", "--space", space, "--storage", tmp_path / "storage", *ONE]
    shown = run(*command, "--wandb", "disabled", env=without_ray(os.environ))
    assert FINISHED in shown.stdout
    assert alive(before) == before
    used = {entry["pid"] for entry in executions(tmp_path / "storage")}
    assert not used & cluster.family()
    code = f"import ray; ray.init(address={cluster.address!r}, logging_level='ERROR'); print(ray.cluster_resources())"
    asked = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=cluster.environment, check=True
    )
    assert "'CPU': 2.0" in asked.stdout, "it still answers"


@pytest.mark.parametrize("scheme", ["ray", "http"])
def test_own_parts_reach_a_driver_on_the_head_and_its_workers(scheme: str, cluster: Head, tmp_path: Path) -> None:
    port = cluster.client if scheme == "ray" else cluster.dashboard
    lab, storage = make_lab(tmp_path / "lab"), tmp_path / "storage"
    address = ["--address", f"{scheme}://127.0.0.1:{port}"]
    assert labs.FINISHED in launch_lab(lab, storage, *ONE, *address, env=cluster.environment)
    found = rows(storage)
    assert {(row["model"], row["dataset"], row["status"]) for row in found} == {("tiny_cnn", "stripes", "finished")}
    assert {row["attack"] for row in found} == {"darken", "ifgsm", "advgan"}


def test_a_driver_and_the_nodes_import_nothing_of_the_folder_of_the_launch(cluster: Head, tmp_path: Path) -> None:
    hostile, mark = make_hostile_folder(tmp_path / "hostile", tmp_path / "ran"), tmp_path / "ran"
    (hostile / "runpy.py").unlink()  # Python itself imports it for `-m`, before any module
    command = [*COMMAND, "launch", "--space", "where.yaml", "--storage", "../storage", "--wandb", "disabled", *ONE]
    command += ["--address", cluster.address]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=cluster.environment, cwd=hostile)
    assert FINISHED in shown.stdout
    assert not mark.exists(), mark.read_text()


AUTOSCALED = {
    "cluster_name": "fake",
    "max_workers": 2,
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
        "small": {"resources": {"CPU": 1, "GPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": 2},
    },
}


def test_a_sweep_scales_a_cluster_from_nothing_and_back(space: Path, tmp_path: Path) -> None:
    storage, log = tmp_path / "storage", tmp_path / "log"
    with head(cpus=0, autoscaling=AUTOSCALED) as started:
        command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--address", started.address]
        command += ["--set", "prune.ratio={grid_search: [0.2, 0.5]}", "--set", "resources.attack.gpus=0.5"]
        refused = run(*command, "--set", "resources.train={cpus: 2, gpus: 1}", env=started.environment, code=2)
        assert "train asks for 2 CPUs and 1 GPU" in refused.stderr
        assert "may start type small of 1 CPU and 1 GPU" in refused.stderr
        assert workers(started) == 0
        sweep = begin(*command, env=started.environment, log=log)
        most = 0

        def over() -> bool:
            nonlocal most
            most = max(most, workers(started))
            return sweep.poll() is not None

        assert wait_until(over, pause=0.3), log.read_text()
        assert "4 trials, 4 finished, 0 failed, 0 not run" in log.read_text()
        assert 1 <= most <= 2
        assert len({entry["pid"] for entry in executions(storage)}) > 1
        assert wait_until(lambda: workers(started) == 0, pause=0.3), "idle nodes go"


def workers(started: Head) -> int:
    """Nodes beside the head: each is a raylet. What a raylet forks has its name too, until it is a worker."""
    names = dict[int, tuple[str, int]]()
    for pid in started.family():
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            names[pid] = process.name(), process.ppid()
    raylets = {pid: parent for pid, (name, parent) in names.items() if name == "raylet"}
    return sum(parent not in raylets for parent in raylets.values()) - 1


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
