"""The parts that a space can name: what each takes, and where it comes from."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from orchestrator.space.settings_reference import find_registries, list_settings
from orchestrator.text import format_table
from tasks import __version__
from tasks.errors import UsageError, list_choices
from tasks.plugins.source import find_source
from tasks.registry import Registry
from tasks.settings import Settings


def list_parts(kind: str | None = None) -> list[dict[str, str]]:
    """Kind, name, source and version of every part, or of those of one kind.

    :raises UsageError: there is no such kind.
    """
    registries = find_registries()
    chosen = registries if kind is None else {kind: _find_registry(kind)}
    return [
        {"kind": registry.kind, "name": name, **_describe_origin(registry, name)}
        for registry in chosen.values()
        for name in registry
    ]


def describe_part(kind: str, name: str) -> dict[str, Any]:
    """What a part is, where it comes from, and its settings.

    :raises UsageError: there is no such kind, or no part of that name.
    """
    registry = _find_registry(kind)
    part = registry.load(name)
    takes = list_settings(part) if isinstance(part, type) and issubclass(part, Settings) else []
    return {
        "kind": registry.kind,
        "name": name,
        **_describe_origin(registry, name),
        "description": inspect.cleandoc(vars(part).get("__doc__") or "") if isinstance(part, type) else "",
        "settings": [
            {"setting": found.name, "value": found.kind, "default": found.default, "meaning": found.meaning}
            for found in takes
        ],
    }


def format_part(facts: Mapping[str, Any]) -> str:
    """The same for people."""
    head = f"{facts['kind']} {facts['name']}, of {facts['source']} {facts['version']}"
    lines = [head, *([facts["description"]] if facts["description"] else [])]
    if facts["settings"]:
        lines += ["", format_table(list(facts["settings"][0]), [list(row.values()) for row in facts["settings"]])]
    return "\n".join(lines)


def _find_registry(kind: str) -> Registry[Any]:
    registries = find_registries()
    short = {name.replace(" ", ""): registry for name, registry in registries.items()}
    found = registries.get(kind) or short.get(kind)
    if found is None:
        raise UsageError(f"{kind!r}: no such kind of part; {list_choices(short, kind)}")
    return found


def _describe_origin(registry: Registry[Any], name: str) -> dict[str, str]:
    origin = registry.find_origin(name)
    if origin is None:
        return {"source": "advsweep", "version": __version__}
    source = find_source(origin)
    if source.distribution:
        package, version = source.distribution.rsplit(" ", 1)
        return {"source": package, "version": version}
    first = next(iter(source.digests.values()))
    return {"source": origin, "version": f"sha256 {first[:12]}"}
