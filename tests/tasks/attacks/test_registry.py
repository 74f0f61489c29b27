"""Every registered attack: named as its settings say, documented, written and read without loss."""

from __future__ import annotations

import re

import pytest

from tasks.attacks.registry import ATTACKS, find_attack, list_attacks
from tasks.evaluation.settings import AttackSettings
from tests.support.attack_models import settings
from tests.support.checkout import ROOT

TEXT = (ROOT / "docs" / "attacks.md").read_text()
TABLE = re.findall(r"^\| `(?!name`)(\w+)`[^|]* \| (.*) \|$", TEXT.split("\n\n**")[0], re.MULTILINE)


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_the_documentation_says_what_the_class_says(name: str) -> None:
    attack = ATTACKS.load(name)
    lines = [line.split(" | ") for documented, line in TABLE if documented == name]
    assert lines, "docs/attacks.md has no line of this attack"
    assert {frozenset(cells[0].split(", ")) for cells in lines} == {frozenset(attack.norms())}
    assert {cells[1] for cells in lines} == {attack.access}
    assert any(attack.paper in cells[2] for cells in lines)
    steps = attack.model_fields["steps"].default if "steps" in attack.model_fields else None
    for cells in lines:
        assert re.findall(r"\bsteps (?:\(\w+\) )?(\d+)", cells[3]) == ([str(steps)] if steps else [])


def test_the_documentation_names_no_attack_that_is_not_there() -> None:
    assert {documented for documented, _ in TABLE} == {*ATTACKS}


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_an_attack_is_registered_by_the_name_in_its_settings_and_says_where_it_is_from(name: str) -> None:
    attack = ATTACKS.load(name)
    assert attack.model_fields["name"].default == name
    assert attack.norms()
    assert re.fullmatch(r".+ \d{4}, arXiv \d{4}\.\d{4,5}", attack.paper) or attack.access == "none"


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_every_attack_survives_writing_and_reading(name: str) -> None:
    norms = ATTACKS.load(name).norms()
    witness = {"seed": 1, "model": {"name": "resnet8"}}
    budget = {"eps": 3 if set(norms) == {"l0"} else 0.1}
    cell = settings(name=name, **({"witness": witness} if "unrestricted" in norms else budget))
    assert AttackSettings.model_validate(cell.document()) == cell
    assert "eps" in cell.canonical()


@pytest.mark.parametrize("name", ["forgotten", None])
def test_nothing_is_known_of_an_attack_that_is_not_registered(name: str | None) -> None:
    assert find_attack(name) is None
    assert list_attacks().get("fgsm") is find_attack("fgsm") is not None
