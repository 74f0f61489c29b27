"""Launches that can never be met: one line, exit code 2, no Ray, and nothing in the storage, not even its folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.command_line import run_here
from tests.support.harness import COMMAND, LIMIT


def check_refused(code: int, stdout: str, stderr: str, message: str, storage: Path) -> None:
    assert code == 2, stdout + stderr
    assert message in stderr
    assert stderr.startswith("error: ")
    assert len(stderr.splitlines()) == 1
    assert stdout == ""
    assert not storage.exists()


@pytest.mark.parametrize(
    ("options", "variables", "message"),
    [
        (["--cpus-per-trial", "4097"], {}, "train asks for 4097 CPUs and 0 GPUs; no node has that"),
        (["--gpus-per-trial", "65"], {}, "--gpus-per-trial 65: should be at most 1: a stage computes on one GPU"),
        (["--gpus-per-trial", "1.5"], {}, "should be at most 1: a stage computes on one GPU"),
        (["--gpus-per-trial", "0.5", "--device", "cpu"], {}, "--device cpu and --gpus-per-trial 0.5: choose one"),
        (["--device", "cuda"], {"CUDA_VISIBLE_DEVICES": ""}, "--device cuda: there is no GPU here"),
        (["--gpus-per-trial", "1e-9"], {}, "should be 0 or at least 0.01"),
        (["--cpus-per-trial", "1e-9"], {}, "cpus"),
        (["--address", "127.0.0.1:1"], {}, "--address 127.0.0.1:1: nothing answers there"),
        (["--address", "auto"], {"RAY_ADDRESS": "127.0.0.1:1"}, ":1: nothing answers there"),
        ([], {"ADVSWEEP_HEAD_TIMEOUT": "x"}, "ADVSWEEP_HEAD_TIMEOUT = 'x'"),
    ],
)
def test_it_is_refused_before_anything_is_started_or_written(
    options: Sequence[str], variables: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    storage = tmp_path / "storage"
    ended = run_here("launch", "--space", "smoke", "--storage", storage, "--wandb", "disabled", *options)
    check_refused(ended.code, ended.stdout, ended.stderr, message, storage)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shell", "message"),
    [
        ("ulimit -n 64; exec", "a process may open 64 files here, and Ray needs 256: raise the limit (ulimit -n 4096)"),
        ("exec unshare --net", "processes of this machine cannot reach each other on 127.0.0.1, which Ray needs"),
    ],
    ids=["open files", "loopback"],
)
def test_a_machine_on_which_ray_cannot_start_is_told_before_it_is_tried(
    shell: str, message: str, tmp_path: Path
) -> None:
    if "unshare" in shell and subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True).returncode:
        pytest.skip("a machine without loopback cannot be made here: that takes root")
    words = [*COMMAND, "launch", "--space", "smoke", "--storage", str(tmp_path / "storage")]
    ended = subprocess.run(
        ["bash", "-c", f'{shell} "$@"', "bash", *words],
        env=os.environ, capture_output=True, text=True, check=False, timeout=LIMIT,
    )  # fmt: skip
    check_refused(ended.returncode, ended.stdout, ended.stderr, message, tmp_path / "storage")
