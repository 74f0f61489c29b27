"""Imports go one way: each room imports only rooms of lower layers, and no modules import each other in a circle."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.checkout import ROOT
from tests.support.imports import find_circles, read_imports, read_named_modules, read_sources

LAYERS = """
tasks orchestrator search_spaces
errors kinds environment devices arithmetic transfer registry part_names settings settings_problems settings_rules
settings_words keys seeds paths without_compiler
local_paths printable schema metrics file_digests fingerprints parquet_pages yaml_events yaml_files plugins temporary
< storage < data < models < generators < pruning attacks transformations
< certificates < training < evaluation < trial < stages contracts < tasks.__main__
< text options processes space store < results cluster < plan report verify < status tracking remote
< run doctor parts < launch < settle < cli < advsweep
"""  # from the ground
FLOOR = {room: floor for floor, layer in enumerate(LAYERS.split("<")) for room in layer.split()}
SOURCES = read_sources(ROOT)


def room_of(module: str) -> str:
    """`tasks.attacks.jsma.craft` stands in the room `attacks`; all of the public face is one room."""
    package, *rest = module.split(".")
    return package if package == "advsweep" or not rest else f"{package}.__main__" if rest[0] == "__main__" else rest[0]


def find_upward(sources: Mapping[str, str]) -> list[str]:
    """Every import that does not go down: to a higher layer, or sideways to another room of the same one.

    Only the loose modules of `tasks`, the ground floor, may use each other."""
    upward = []
    for imports in (read_imports(sources), read_named_modules(sources)):
        for module, target in sorted((module, target) for module, targets in imports.items() for target in targets):
            here, there = room_of(module), room_of(target)
            if here != there and (FLOOR[here] < FLOOR[there] or FLOOR[here] == FLOOR[there] > 0):
                upward.append(f"{module} -> {target}")
    return upward


def test_every_room_has_its_layer() -> None:
    assert {room_of(module) for module in SOURCES} - FLOOR.keys() == set()


def test_imports_go_down() -> None:
    assert find_upward(SOURCES) == []


def test_no_modules_import_each_other() -> None:
    assert find_circles(read_imports(SOURCES)) == []


WAYS = {
    "at the top": "from {package} import {name}\n",
    "lazy": "def use():\n    import {package}.{name}\n",
    "for types": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {package}.{name} import Thing\n",
    "in a registry": 'PARTS = {{"thing": "{package}.{name}:Thing"}}\n',
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("tasks.storage.uri", "tasks.data.source"),
        ("tasks.pruning.filters", "tasks.attacks.base"),
        ("tasks.keys", "orchestrator.text"),
        ("orchestrator.results.query", "orchestrator.plan.plan"),
        ("orchestrator.run.sweep", "advsweep.face"),
    ],
)
def test_an_import_up_or_sideways_is_found(way: str, module: str, target: str) -> None:
    package, _, name = target.rpartition(".")
    assert find_upward({module: WAYS[way].format(package=package, name=name), target: ""}) == [f"{module} -> {target}"]


@pytest.mark.parametrize("way", WAYS)
def test_an_import_down_is_as_it_should_be(way: str) -> None:
    text = WAYS[way].format(package="tasks.storage", name="uri")
    assert find_upward({"orchestrator.run.sweep": text, "tasks.data.source": text, "tasks.storage.uri": ""}) == []


@pytest.mark.parametrize("way", ["at the top", "lazy", "for types"])
def test_a_circle_is_found(way: str) -> None:
    back = WAYS[way].format(package="tasks.data", name="first")
    sources = {"tasks.data.first": "from tasks.data import second\n", "tasks.data.second": "import tasks.data.third\n"}
    assert find_circles(read_imports(sources | {"tasks.data.third": ""})) == []
    (circle,) = find_circles(read_imports(sources | {"tasks.data.third": back}))
    assert {*circle} == {"tasks.data.first", "tasks.data.second", "tasks.data.third"}
