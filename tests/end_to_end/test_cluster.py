"""The Ray that a sweep runs on: joined, attached and as a job; real clusters on loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.support import labs
from tests.support.clusters import Head, alive, head, listening, without_ray
from tests.support.harness import COMMAND, LIMIT, ONE, advsweep, ended, executions, rows, wait_until
from tests.support.hostile import make_hostile_folder
from tests.support.labs import list_plugins, make_lab
from tests.support.where import SECRET, begin

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

FINISHED = "2 trials, 2 finished, 0 failed, 0 not run"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Head]:
    """A head of two CPUs with its dashboard and its Ray client server."""
    with head() as started:
        yield started


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of somebody with parts of their own, in which commands are run."""
    folder = make_lab(tmp_path / "lab")
    monkeypatch.chdir(folder)
    return folder


def run(*arguments: str | Path, env: Mapping[str, str], code: int = 0) -> subprocess.CompletedProcess[str]:
    """A command with the variables of a cluster."""
    done = advsweep(*arguments, env=env, code=code)
    assert "Traceback" not in done.stderr
    return done


def begins(launch: subprocess.Popen[bytes], storage: Path, log: Path) -> bool:
    """Wait until a stage of a launch runs and it has said what is to do; false where it ended before."""

    def runs() -> bool:
        return bool(executions(storage)) and "to do" in log.read_text()

    return wait_until(lambda: runs() or launch.poll() is not None) and runs()


class Beside(NamedTuple):
    """A sweep that was launched among modules of somebody else's, beside one that goes on."""

    shown: str
    storage: Path
    mark: Path
    """Where such a module says that it was imported."""
    longer: int | None
    """How the other sweep had ended by then."""
    interrupted: int
    """How it ended when it was interrupted."""
    addresses: set[str]
    """What the processes of the cluster listened on."""


@pytest.fixture(scope="module")
def beside(cluster: Head, tmp_path_factory: pytest.TempPathFactory) -> Beside:
    folder = tmp_path_factory.mktemp("beside")
    lab, mark, log = make_lab(folder / "lab"), folder / "ran", folder / "log"
    hostile = make_hostile_folder(folder / "hostile", mark)
    (hostile / "runpy.py").unlink()  # Python itself imports it for `-m`, before any module
    shared = ["--address", cluster.address, "--wandb", "disabled", *ONE]
    plugins = [str(lab / word) if word.endswith(".py") else word for word in list_plugins(lab)]
    words: list[str | Path] = [
        "launch",
        "--space",
        lab / "space.yaml",
        "--storage",
        folder / "long",
        *plugins,
        *shared,
        *labs.ENDLESS,
    ]
    long = begin(*words, env=cluster.environment, log=log)
    assert begins(long, folder / "long", log), log.read_text()
    command = [*COMMAND, "launch", "--space", "where.yaml", "--storage", "../short", *shared]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=cluster.environment, cwd=hostile)
    longer = long.poll()
    addresses = {address for address, _ in listening(cluster.family())}
    os.kill(long.pid, signal.SIGINT)
    return Beside(shown.stdout, folder / "short", mark, longer, long.wait(timeout=LIMIT), addresses)


def test_a_cluster_is_joined_and_gets_the_code(cluster: Head, beside: Beside) -> None:
    assert FINISHED in beside.shown
    assert set(ended(beside.storage).values()) == {1}
    assert beside.addresses <= {"127.0.0.1", "::1"}
    sent = list((cluster.folder / "ray").glob("session_2*/runtime_resources/py_modules_files/*/*/**/*"))
    compiled = [file for file in sent if "__pycache__" in file.parts]
    assert not [file for file in compiled if "cli" in file.parts], "by its workers; the launch has compiled these too"
    sent = [file for file in sent if file not in compiled and file.is_file()]
    names = {file.name for file in sent}
    assert {"worker_pool.py", "chain.py", "digits.yaml"} <= names, "the code came by itself"
    assert {Path(name).suffix for name in names} <= {".py", ".typed", ".yaml", ".json", ".css", ".js", ".jinja"}
    assert sum(file.stat().st_size for file in sent) < 3e6


def test_two_sweeps_on_one_cluster_do_not_wait_for_each_other(beside: Beside) -> None:
    assert {row["status"] for row in rows(beside.storage)} == {"finished"}
    assert beside.longer is None
    assert beside.interrupted == 130


def test_a_driver_and_the_nodes_import_nothing_of_the_folder_of_the_launch(beside: Beside) -> None:
    assert not beside.mark.exists(), beside.mark.read_text()


def test_a_ray_of_somebody_else_on_the_machine_is_left_alone_and_answers_later(
    cluster: Head, space: Path, tmp_path: Path
) -> None:
    before = {pid for pid in cluster.family() if psutil.Process(pid).name() in ("raylet", "gcs_server")}
    assert len(before) == 2
    command: list[str | Path] = ["launch", "--space", space, "--wandb", "disabled", *ONE, "--storage"]
    shown = run(*command, tmp_path / "storage", env=without_ray(os.environ))
    assert FINISHED in shown.stdout
    assert alive(before) == before
    used = {entry["pid"] for entry in executions(tmp_path / "storage")}
    assert not used & cluster.family()
    too_much = ["--address", cluster.address, "--set", "resources.attack.gpus=0.25"]
    refused = run(*command, tmp_path / "other", *too_much, env=cluster.environment, code=2)
    assert "attack asks for 1 CPU and 0.25 GPUs; no node has that" in refused.stderr
    assert "1 x node of 2 CPUs and 0 GPUs" in refused.stderr
    assert not (tmp_path / "other").exists()


def test_a_job_outlives_the_laptop_and_is_joined_and_stopped(cluster: Head, lab: Path, tmp_path: Path) -> None:
    storage, log = tmp_path / "storage", tmp_path / "log"
    address = ["--address", f"http://127.0.0.1:{cluster.dashboard}"]
    start: list[str | Path] = ["launch", "--space", "space.yaml", *list_plugins(lab), *address, *ONE, "--storage"]
    command = [*start, storage]
    env = cluster.environment | {"WANDB_API_KEY": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET}
    assert "a folder of this machine" in run(*start, "results", env=env, code=2).stderr
    watching = begin(*command, *labs.ENDLESS, env=env, log=log)
    assert begins(watching, storage, log), log.read_text()
    os.kill(watching.pid, signal.SIGINT)
    assert watching.wait(timeout=LIMIT) == 130
    assert "left; the sweep goes on as Ray job space-" in log.read_text()
    joined = begin(*command, *labs.ENDLESS, env=env, log=log)
    assert wait_until(lambda: "to do" in log.read_text()), log.read_text()
    assert "runs already as Ray job" in log.read_text()
    (job,) = json.loads(run("status", "--json", *address, env=env).stdout)
    assert job["status"] == "RUNNING"
    assert "is stopped" in run("stop", "space", *address, env=env).stdout
    assert joined.wait(timeout=LIMIT) == 130
    assert "interrupted: nothing finished is lost" in run("logs", "space", *address, env=env).stdout
    assert labs.FINISHED in run(*command, env=env).stdout
    _has_own_parts(storage)
    _holds_no_secret(cluster, storage)


def _has_own_parts(storage: Path) -> None:
    """Those of a lab have reached a driver on the head, and its workers."""
    found = rows(storage)
    assert {(row["model"], row["dataset"], row["status"]) for row in found} == {("tiny_cnn", "stripes", "finished")}
    assert {row["attack"] for row in found} == {"darken", "ifgsm", "advgan"}


def _holds_no_secret(cluster: Head, storage: Path) -> None:
    """Neither in what the dashboard tells of the jobs, nor in any file of the cluster or the storage."""
    asked = http.client.HTTPConnection("127.0.0.1", cluster.dashboard)
    asked.request("GET", "/api/jobs/", headers={"Authorization": f"Bearer {(cluster.folder / 'token').read_text()}"})
    told = asked.getresponse().read().decode()
    assert "advsweep_sweep" in told
    assert SECRET not in told
    files = [file for folder in (cluster.folder / "ray", storage) for file in folder.rglob("*") if file.is_file()]
    assert not [file for file in files if SECRET.encode() in file.read_bytes()]


def test_attached_to_the_head_by_rays_client(cluster: Head, lab: Path, tmp_path: Path) -> None:
    storage, log = tmp_path / "storage", tmp_path / "log"
    address = ["--address", f"ray://127.0.0.1:{cluster.client}"]
    command: list[str | Path] = ["launch", "--space", "space.yaml", "--storage", storage]
    command += [*list_plugins(lab), *address, *ONE]
    shown = begin(*command, *labs.ENDLESS, env=cluster.environment, log=log)
    assert begins(shown, storage, log), log.read_text()
    os.kill(shown.pid, signal.SIGINT)
    assert shown.wait(timeout=LIMIT) == 130, log.read_text()
    assert "interrupted: nothing finished is lost" in log.read_text()
    assert labs.FINISHED in run(*command, env=cluster.environment).stdout
    _has_own_parts(storage)


AUTOSCALED = {
    "cluster_name": "fake",
    "max_workers": 1,
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
        "small": {"resources": {"CPU": 1, "GPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": 1},
    },
}


def test_a_sweep_scales_a_cluster_from_nothing_and_back(space: Path, tmp_path: Path) -> None:
    storage, log = tmp_path / "storage", tmp_path / "log"
    with head(cpus=0, autoscaling=AUTOSCALED) as started:
        command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--address", started.address]
        command += ["--set", "resources.attack.gpus=0.5", *ONE]
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

        assert wait_until(over, pause=1.0), log.read_text()
        assert FINISHED in log.read_text()
        assert most == 1
        assert len({entry["pid"] for entry in executions(storage)}) > 1
        assert wait_until(lambda: workers(started) == 0, pause=1.0), "idle nodes go"


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
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1"):
        assert "nothing answers there" in run(*command, address, env=cluster.environment, code=2).stderr
    strange = cluster.environment | {"RAY_AUTH_MODE": "disabled"}
    asked = [*COMMAND, *map(str, command), f"http://127.0.0.1:{cluster.dashboard}"]
    refused = subprocess.run(asked, capture_output=True, text=True, check=False, env=strange, timeout=LIMIT)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert "RAY_AUTH_MODE=token" in refused.stderr
