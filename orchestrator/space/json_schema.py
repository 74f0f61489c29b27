"""The settings of a space as JSON Schema: what an editor needs to complete and to check a file."""

from __future__ import annotations

from typing import Any

from orchestrator.space.figures import FigureRequest
from orchestrator.space.settings_reference import list_classes, list_settings
from orchestrator.space.space import SECTIONS
from tasks.settings import Settings


def build_schema() -> dict[str, Any]:
    """JSON Schema of a space file: any value, and any whole section, may be a grid."""
    sections = {name: _allow_grid({"$ref": f"#/$defs/{cls.__name__}"}) for name, cls in SECTIONS.items()}
    nullable = {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in sections.items()}
    other: dict[str, Any] = {name: {} for name in ("resources", "timeouts", "reference", "claims")}
    other["figures"] = {"type": "object", "additionalProperties": _build_plain(FigureRequest)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "advsweep search space",
        "type": "object",
        "properties": {
            "description": {"type": "string"},
            "seed": _allow_grid({"type": "integer"}),
            **nullable,
            **other,
        },
        "required": ["dataset", "model", "attack"],
        "additionalProperties": False,
        "$defs": {cls.__name__: _build_object(cls) for cls in list_classes().values()},
    }


def _build_plain(cls: type[Settings]) -> dict[str, Any]:
    """A mapping in which no grid may stand."""
    settings = list_settings(cls)
    own = {setting.name: {**setting.schema, "description": setting.meaning} for setting in settings}
    required = [setting.name for setting in settings if setting.default == "required"]
    return {"type": "object", "properties": own, "required": required, "additionalProperties": False}


def _build_object(cls: type[Settings]) -> dict[str, Any]:
    settings = list_settings(cls)
    own = {
        setting.name: {**_allow_grid(dict(setting.schema)), "description": setting.meaning}
        for setting in settings
        if setting.name != "(written here)"
    }
    required = [name for name in own if next(s for s in settings if s.name == name).default == "required"]
    flattened = [dict(setting.schema) for setting in settings if setting.name == "(written here)"]
    if flattened:
        # what is written one level up is checked by its own class, which knows nothing of the settings beside it
        return {"type": "object", "properties": {**own, "name": {}}, "required": [*required, "name"]}
    return {"type": "object", "properties": own, "required": required, "additionalProperties": False}


def _allow_grid(schema: dict[str, Any]) -> dict[str, Any]:
    grid = {
        "type": "object",
        "properties": {"grid_search": {"type": "array", "minItems": 1}},
        "required": ["grid_search"],
        "additionalProperties": False,
    }
    return {"anyOf": [schema, grid]}
