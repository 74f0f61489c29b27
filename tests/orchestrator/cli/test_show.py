"""`advsweep show`."""

from __future__ import annotations

import json

from tasks.attacks.registry import ATTACKS
from tests.support.command_line import run_here


def test_a_part_its_kind_and_everything() -> None:
    facts = json.loads(run_here("show", "attack", "pgd", "--json").stdout)
    assert [row["setting"] for row in facts["settings"]] == list(ATTACKS.load("pgd").model_fields)
    assert "Projected gradient descent" in run_here("show", "attack", "pgd").stdout
    assert [part["name"] for part in json.loads(run_here("show", "attack", "--json").stdout)] == list(ATTACKS)
    assert run_here("show").stdout.startswith("# Settings\n")


def test_an_unknown_part_is_one_message() -> None:
    ended = run_here("show", "attack", "pgdd")
    assert ended.code == 2
    assert "did you mean 'pgd'" in ended.stderr
