"""The branches of a room that its own quick tests take, another room every day: `make coverage` measures all of them.

Each process that these tests start is measured too. A room falls below its floor where code comes without its tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from tests.matrix import QUICK
from tests.support.checkout import ROOT

ROOM = "MEASURED_ROOM"
"""The room to measure, in place of today's."""
FLOORS = {
    "advsweep": 96,
    "orchestrator/cli": 88,
    "orchestrator/cluster": 97,
    "orchestrator/plan": 96,
    "orchestrator/remote": 97,
    "orchestrator/report": 98,
    "orchestrator/results": 96,
    "orchestrator/run": 96,
    "orchestrator/space": 96,
    "orchestrator/status": 98,
    "orchestrator/store": 96,
    "orchestrator/tracking": 96,
    "orchestrator/verify": 96,
    "tasks/attacks": 96,
    "tasks/certificates": 94,
    "tasks/contracts": 96,
    "tasks/data": 97,
    "tasks/evaluation": 89,
    "tasks/generators": 93,
    "tasks/models": 94,
    "tasks/plugins": 91,
    "tasks/pruning": 86,
    "tasks/stages": 71,
    "tasks/storage": 96,
    "tasks/training": 97,
    "tasks/transformations": 90,
    "tasks/trial": 90,
}
"""Of each room, the percentage of its lines and branches that its tests take at least.

One less than they took in November 2026. What only slow tests take, such as the stages themselves, is missing here.
"""


def measure_coverage(room: str, folder: Path) -> float:
    """The percentage of a room's lines and branches that the quick tests of the room take.

    :param folder: for what coverage.py notes, which is combined there.
    """
    environment = os.environ | {
        "COVERAGE_FILE": str(folder / ".coverage"),
        "COVERAGE_RCFILE": str(ROOT / "pyproject.toml"),
    }
    coverage = [sys.executable, "-m", "coverage"]
    tests = ["-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-m", QUICK]
    result = folder / "result.json"
    for words in (
        ["run", *tests, f"tests/{room}"],
        ["combine", "-q"],
        ["json", "-q", f"--include={room}/*", "--fail-under=0", "-o", str(result)],
    ):
        ended = subprocess.run(
            [*coverage, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
    return float(json.loads(result.read_text())["totals"]["percent_covered"])


def test_every_room_has_a_floor() -> None:
    rooms = {
        f"{package.name}/{room.name}"
        for package in (ROOT / "tests" / "orchestrator", ROOT / "tests" / "tasks")
        for room in package.iterdir()
        if list(room.rglob("test_*.py"))
    }
    assert rooms | {"advsweep"} == set(FLOORS)


@pytest.mark.slow
def test_the_tests_of_todays_room_take_its_branches(tmp_path: Path) -> None:
    room = os.environ.get(ROOM) or sorted(FLOORS)[date.today().toordinal() % len(FLOORS)]
    assert measure_coverage(room, tmp_path) >= FLOORS[room], room
