"""Every stage on a GPU that is only pretended: nothing mixes devices, and it finds what the CPU finds."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.support import gpu_cases
from tests.support.checkout import ROOT

RESUMED = "resumed on the other device"
CASES = [*(name for name, _ in gpu_cases.list_cases()), RESUMED]
BF16 = {"training in bf16"}
"""Autocast changes nothing on the pretended GPU, so that these train in fp32 there."""


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, Any]]:
    """What came of each case, by its name; a process of its own runs them."""
    command = [sys.executable, "-m", "tests.support.gpu_comparison"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return {found["case"]: found for found in map(json.loads, ended.stdout.splitlines())}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_no_case_mixes_devices_or_finds_something_else(case: str, measured: dict[str, dict[str, Any]]) -> None:
    found = measured[case]
    assert found["error"] is None
    if case == RESUMED:
        (resumed, alone), *others = found["ends"]
        assert resumed == 1
        assert others == [[1, alone]] * len(others)
    elif case not in BF16:
        assert found["different"] == []
