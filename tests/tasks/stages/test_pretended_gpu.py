"""Every stage on a GPU that is only pretended: nothing mixes devices, and it finds what the CPU finds."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import torch

from benchmarks.__main__ import main
from tasks.devices import EXACT
from tasks.errors import UsageError
from tests.support import gpu_cases
from tests.support.checkout import ROOT

pytestmark = pytest.mark.slow

RESUMED = [name for name, _, _ in gpu_cases.list_resumed()]
CASES = [*(name for name, _ in gpu_cases.list_cases()), *RESUMED]
BF16 = {"training in bf16"}
"""Autocast changes nothing on the pretended GPU, so that these train in fp32 there."""

CHECKPOINT = "transfer.py"
"""Where tensors leave the device together: one copy for each type of numbers that a checkpoint has."""
PROBE = "attacks/"
"""Where an epoch ends with an attack on some images, its model is prepared and held against itself."""
MOST_PROBED = 9
MORE_AN_EPOCH = {
    "training that keeps its best epoch": 1,  # loss and accuracy of the validation part
}
MORE_COPIES = {"pruning filters, gradually": 3, "pruning weights, gradually": 3}
"""An update of the ratio reads what is pruned and the scores of all layers, each in one copy."""
UNDECIDED = 4
"""Waits of a step in which images are close to undecided, so that the model itself is asked."""
MOST_WAITS = {
    "attack in bf16": 2,  # the judge is asked about images that are nearly fooled
    "attack carlini_wagner": gpu_cases.CONSTANTS,  # one for each
    "attack apgd_t": gpu_cases.TARGETS,  # one for each
    "attack fab": 2,  # as fab_t
    "attack fab in l1": 2,
    "attack fab_t": 2
    * gpu_cases.TARGETS,  # two for each target at most: along the boundary, where images are close to undecided
    "attack ead": gpu_cases.CONSTANTS,  # as Carlini-Wagner
    "attack rays": 5,  # whether a direction fools the model, how close along it, twice, and what was undecided there
}
"""Waits in a step of an attack, where more than one is taken."""


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, Any]]:
    """What came of each case, by its name; a process of its own runs them."""
    command = [sys.executable, "-m", "tests.support.gpu_comparison"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return {found["case"]: found for found in map(json.loads, ended.stdout.splitlines())}


@pytest.mark.parametrize("case", CASES)
def test_no_case_mixes_devices_or_finds_something_else(case: str, measured: dict[str, dict[str, Any]]) -> None:
    found = measured[case]
    assert found["error"] is None
    if case in RESUMED:
        (resumed, alone), *others = found["ends"]
        assert resumed == 1
        assert others == [[1, alone]] * len(others)
    elif case not in BF16:
        assert found["different"] == []


@pytest.mark.parametrize("case", CASES)
def test_the_host_waits_once_an_epoch_and_once_a_step(case: str, measured: dict[str, dict[str, Any]]) -> None:
    found = measured[case]
    epoch = [(where, count) for _, where, count in found.get("epoch", [])]
    saved = sum(count for where, count in epoch if where.startswith(CHECKPOINT))
    assert saved <= 3 + MORE_COPIES.get(case, 0), "floats, integers, bytes"
    probed = sum(count for where, count in epoch if where.startswith(PROBE))
    assert probed <= MOST_PROBED
    assert sum(count for _, count in epoch) - saved - probed <= 1 + MORE_AN_EPOCH.get(case, 0), epoch
    steps = sum(count for _, _, count in found.get("steps", []))
    assert steps <= gpu_cases.STEPS * MOST_WAITS.get(case, 1) + UNDECIDED, found["steps"]


def test_the_benchmark_of_gpus_runs_to_its_end(measured: dict[str, dict[str, Any]]) -> None:
    said = measured["benchmark"]["said"]
    assert [line for line in said.splitlines() if line.startswith("## ")] == ["## training", "## steps", "## recipes"]
    assert said.count("N-FGSM") == 2, "of the steps and of the recipes"


def test_without_a_gpu_the_benchmark_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name, value in EXACT.items():
        monkeypatch.setenv(name, value)  # which it sets for its process
    with pytest.raises(UsageError, match="finds no CUDA device"):
        main(["gpu", "--toy"])
