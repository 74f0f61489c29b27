"""What a process may see of GPUs, and what is set before CUDA starts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from tasks import devices
from tasks.devices import EXACT, GPU_DEVICE, USABLE, VISIBLE, check_device, choose_device, claim_devices, limit_memory
from tasks.errors import UsageError


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (VISIBLE, GPU_DEVICE, *EXACT):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.parametrize(("gpus", "device", "visible"), [([], "cpu", ""), (["3"], "cuda", "3"), ([0], "cuda", "0")])
def test_a_process_sees_what_it_was_given(
    gpus: list[str | int], device: str, visible: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, "0,1,2,3")
    assert claim_devices(gpus) == device
    assert os.environ[VISIBLE] == visible
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_a_gpu_has_the_name_that_the_environment_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GPU_DEVICE, "xpu")
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    assert claim_devices(["1"]) == "xpu"
    assert claim_devices([]) == "cpu"
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8", "somebody has chosen"


def test_cuda_is_not_taken_for_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    check_device("cpu")
    with pytest.raises(UsageError, match=r"finds no CUDA device .CUDA_VISIBLE_DEVICES is not set.*--device cpu"):
        check_device("cuda:0")
    with pytest.raises(UsageError, match="finds no CUDA device"):
        choose_device("cuda")
    assert choose_device("auto") == choose_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    check_device("cuda")
    assert choose_device("auto") == "cuda"


def test_a_share_of_a_gpu_is_a_share_of_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", asked.append)
    limit_memory("cuda", 1.0)
    limit_memory("cpu", 0.25)
    assert asked == [], "who has a whole GPU, or none, is not limited"
    limit_memory("cuda", 0.25)
    assert asked == [0.25 * USABLE]


def test_nothing_heavy_stands_before_what_is_claimed() -> None:
    code = f"import sys, {devices.__name__}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
