"""The list of parts: every registry, and where each part comes from."""

from __future__ import annotations

import pytest
import typer.main

from orchestrator.parts import describe_part, format_part, list_parts
from tasks import __version__
from tasks.attacks.registry import ATTACKS
from tasks.errors import UsageError
from tasks.pruning.registry import IMPORTANCES


def test_every_part_of_a_kind_is_listed_with_source_and_version() -> None:
    assert [part["name"] for part in list_parts("attack")] == list(ATTACKS)
    assert {(part["source"], part["version"]) for part in list_parts()} == {("advsweep", __version__)}
    assert {"data set", "model", "attack", "certificate", "generator", "objective", "importance", "optimizer",
            "schedule", "transformation", "weight average"} == {part["kind"] for part in list_parts()}  # fmt: skip


def test_a_part_of_an_installed_package_names_the_package() -> None:
    IMPORTANCES.add("by_typer", "typer.main:get_command", origin=typer.main.__name__)
    try:
        part = next(part for part in list_parts("importance") if part["name"] == "by_typer")
    finally:
        IMPORTANCES.remove("by_typer")
    assert part["source"] == "typer"
    assert part["version"][0].isdigit()


def test_a_part_says_what_it_takes() -> None:
    facts = describe_part("attack", "square")
    assert "Square" in facts["description"]
    assert {"setting": "norm", "value": "`linf`, `l2`, `l1`", "default": "linf", "meaning": ""} in facts["settings"]
    assert "initial_share" in format_part(facts)
    assert describe_part("dataset", "digits")["settings"] == []


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("atack", "pgd", "^'atack': no such kind of part; .*did you mean 'attack'"),
        ("attack", "pgdd", "did you mean 'pgd'"),
    ],
)
def test_unknown_names_list_the_choices(kind: str, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        describe_part(kind, name)
