"""The figures of the code in docs/architecture.md: counted rightly, and within what CONTRIBUTING.md asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.measure_house import measure
from tests.support.checkout import ROOT


def test_a_small_house_is_measured(tmp_path: Path) -> None:
    folder = tmp_path / "tasks" / "room"
    folder.mkdir(parents=True)
    (tmp_path / "tasks" / "loose.py").write_text("import tasks.room.second\n\n\ndef taken():\n    pass\n")
    (folder / "__init__.py").write_text("")
    (folder / "first.py").write_text("from tasks import loose\n\n\nclass A:\n    def x(self):\n        return loose\n")
    second = folder / "second.py"
    second.write_text("from tasks.room import first\n\n\ndef make_it():\n    return (\n        first\n    )\n")
    found = measure(tmp_path)
    assert found.pop("verb_first") == pytest.approx(1 / 2)
    (circle,) = found.pop("circles")
    assert {*circle} == {"tasks.loose", "tasks.room.first", "tasks.room.second"}
    assert found == {
        "modules": 4,
        "rooms": 2,
        "arrows": 3,
        "loose_orchestrator": 0,
        "loose_tasks": 1,
        "longest_module": 7,
        "longest_function": 4,
        "median_function": 2,
    }


@pytest.mark.slow
def test_this_house_is_in_order() -> None:
    found = measure(ROOT)
    assert found["longest_function"] <= 60
    assert found["median_function"] <= 12
    assert found["verb_first"] >= 0.95
