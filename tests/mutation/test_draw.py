"""Mistakes that are drawn are small, stand where something is done, and are the same for the same seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.mutation.draw import draw_mutations, find_changes


def list_changed(text: str) -> set[str]:
    """The text with each change in it."""
    raw = text.encode()
    return {(raw[: one.start] + one.new.encode() + raw[one.end :]).decode() for one in find_changes(text)}


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("a < b", {"(a <= b)"}),
        ("a < b < c", set()),
        ("a - b", {"(a + b)"}),
        ("a + b * c", {"(a - b * c)", "a + (b / c)"}),
        ("a and not b", {"(a or not b)", "a and (b)"}),
        ("a if b else c", {"(c if b else a)"}),
        ("x = 3", {"x = (4)"}),
        ("x = -0.5", {"x = (0.5)", "x = -(1.0)"}),
        ("x = True", {"x = (False)"}),
        ("x = max(a, key=b)", {"x = (min(a, key=b))", "x = (max(a))"}),
        ("x = sorted(a, key=b)", {"x = (list(a))", "x = (sorted(a))"}),
        ("x = é.detach()", {"x = (é)"}),
        ("x = a.amax(b)", {"x = (a.amin(b))"}),
        ("f(a)", {"pass"}),
        ("a.b = c", {"pass"}),
        ("a[b] = c", {"pass"}),
        ("a = c", set()),
        ("raise E(f'{a}', 3)", {"pass"}),
        ("assert a == 3, b < c", set()),
        ("def f(a: L[3]) -> L[4]: return a", set()),
        ("x: L[3] = a", set()),
        ("x = f'{a + b}'", set()),
    ],
)
def test_what_may_be_mistaken_is_and_types_and_messages_are_not(text: str, changed: set[str]) -> None:
    assert list_changed(text) == changed


SOURCE = "def f(a, b):\n    if a < b:\n        return a\n    if a < b:\n        return b\n    return 3\n"


def make_tree(root: Path) -> Path:
    """Two modules with three lines each that can be mistaken; one has a test file of its own."""
    for package in ("advsweep", "orchestrator", "tasks"):
        (root / package).mkdir()
    (root / "tests" / "tasks").mkdir(parents=True)
    (root / "tests" / "tasks" / "test_one.py").touch()
    for name in ("one", "two"):
        (root / "tasks" / f"{name}.py").write_text(SOURCE)
    return root


def test_each_line_is_drawn_once_and_its_change_is_all_that_changes(tmp_path: Path) -> None:
    found = draw_mutations(100, 0, make_tree(tmp_path))
    assert Counter(one.file for one in found) == {"tasks/one.py": 3, "tasks/two.py": 3}
    assert {one.apply(tmp_path) for one in found} == {
        SOURCE.replace("a < b", "(a <= b)", 1),
        "(a <= b)".join(SOURCE.rsplit("a < b", 1)),
        SOURCE.replace("3", "(4)"),
    }


def test_a_module_is_tried_by_its_own_tests_or_by_those_of_its_room(tmp_path: Path) -> None:
    tests = {one.file: one.tests for one in draw_mutations(100, 0, make_tree(tmp_path))}
    assert tests == {"tasks/one.py": ("tests/tasks/test_one.py",), "tasks/two.py": ("tests/tasks",)}


def test_the_seed_decides_what_is_drawn(tmp_path: Path) -> None:
    root = make_tree(tmp_path)
    first, again, other = (draw_mutations(4, seed, root) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 4
