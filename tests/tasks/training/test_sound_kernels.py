"""Narrow networks are trained without the kernel that damages memory, and all others with oneDNN."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from tasks.training.sound_kernels import avoid_unsound_kernels
from tests.support import small
from tests.support.checkout import ROOT


@pytest.mark.parametrize(
    ("layer", "capability", "used"),
    [
        (nn.Conv2d(4, 8, 1, stride=2), "AVX2", False),
        (nn.Conv2d(7, 8, 1, stride=(1, 2)), "DEFAULT", False),
        (nn.Conv2d(14, 8, 1, stride=2, groups=2), "AVX2", False),
        (nn.Conv2d(4, 8, 1, stride=2), "AVX512", True),
        (nn.Conv2d(8, 8, 1, stride=2), "AVX2", True),
        (nn.Conv2d(4, 8, 1), "AVX2", True),
        (nn.Conv2d(4, 8, 3, stride=2), "AVX2", True),
        (nn.Linear(4, 8), "AVX2", True),
    ],
)
def test_only_narrow_strides_do_without_onednn(
    layer: nn.Module, capability: str, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    for before in (True, False):
        monkeypatch.setattr(torch.backends.mkldnn, "enabled", before)
        with contextlib.suppress(KeyboardInterrupt), avoid_unsound_kernels(nn.Sequential(nn.ReLU(), layer)):
            assert bool(torch.backends.mkldnn.enabled) is (before and used)
            raise KeyboardInterrupt
        assert bool(torch.backends.mkldnn.enabled) is before


def test_a_training_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters of resnet8 that are removed leave convolutions of four channels; their fine-tuning knows."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", True)
    step, seen = nn.Module.train, list[tuple[int, bool]]()

    def note(model: nn.Module, mode: bool = True) -> nn.Module:
        if mode and isinstance(model, nn.Conv2d) and model.kernel_size == (1, 1):
            seen.append((model.in_channels, bool(torch.backends.mkldnn.enabled)))
        return step(model, mode)

    monkeypatch.setattr(nn.Module, "train", note)
    tuned = {"epochs": 1, "batch_size": 50, "optimizer": small.SGD}
    asked = small.trial(
        dataset={"name": "digits", "train_examples": 100}, prune={"ratio": 0.5, "mode": "remove"}, finetune=tuned
    )
    small.run(asked, small.context(tmp_path))
    assert {(8, True), (4, False)} <= set(seen)
    assert torch.backends.mkldnn.enabled


CODE = """
import sys, torch
from pathlib import Path
from tests.support import small
torch.set_num_threads(1)
tuned = {"epochs": 4, "batch_size": 50, "optimizer": small.SGD}
few = {"name": "digits", "train_examples": 100}
trial = small.trial(dataset=few, prune={"ratio": 0.5, "mode": "remove"}, finetune=tuned)
small.run(trial, small.context(Path(sys.argv[1])))
"""


@pytest.mark.slow
def test_a_narrow_network_is_trained_to_its_end(tmp_path: Path) -> None:
    """In a process of its own, which this processor may have end by a signal."""
    words = [sys.executable, "-c", CODE, str(tmp_path)]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
