"""Every setting of a space, read off the classes that check it."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from orchestrator.space.space import SECTIONS
from tasks.part_names import ByName, NameOf, OneOrMore
from tasks.registry import Registry
from tasks.settings import FLATTENED, Count, Number, Settings, list_registries, walk_annotation

NUMBER, COUNT = get_args(Number)[1], get_args(Count)[1]
BOUNDS = {
    annotated_types.Ge: ("ge", "at least", "minimum"),
    annotated_types.Gt: ("gt", "above", "exclusiveMinimum"),
    annotated_types.Le: ("le", "at most", "maximum"),
    annotated_types.Lt: ("lt", "below", "exclusiveMaximum"),
    annotated_types.MinLen: ("min_length", "of a length of at least", "minLength"),
}
"""Class of a bound -> its attribute, its word, its name in JSON Schema."""
FRACTION = r"^\s*[-+]?[0-9.]+(e[-+]?[0-9]+)?\s*(/\s*[0-9.]+\s*)?$"


@dataclass(frozen=True)
class Setting:
    """One setting, as a file has it."""

    name: str
    kind: str
    """What may stand there, in words."""
    default: str
    """As YAML has it; `required` where there is none."""
    meaning: str
    keyed: bool
    """Whether it changes the outcome, so that it is in the keys of stages."""
    schema: Mapping[str, Any]
    """JSON Schema of one value, without a grid."""


def list_settings(cls: type[Settings]) -> list[Setting]:
    """The settings of a section or a part, in the order of its class; those that are written one level up are named."""
    return [_describe_field(cls, name, field) for name, field in cls.model_fields.items()]


def _describe_field(cls: type[Settings], name: str, field: FieldInfo) -> Setting:
    kind, schema = _describe_annotated(field.annotation, field.metadata)
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    written = "(written here)" if name == FLATTENED else field.alias or name
    meaning = read_docstrings(cls).get(name, "")
    return Setting(written, kind, _format_default(field), meaning, bool(extra["keyed"]), schema)


def _format_default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, Settings):
        name = getattr(value, "name", None)
        return f"{{name: {name}}}" if name else "{}"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.1f}"
    return "[]" if isinstance(value, tuple) else json.dumps(value) if not isinstance(value, str) else value


def _describe_type(annotation: Any) -> tuple[str, dict[str, Any]]:
    """In words, and as JSON Schema."""
    if get_origin(annotation) is Annotated:
        base, *extras = get_args(annotation)
        return _describe_annotated(base, extras)
    if get_origin(annotation) in (Union, UnionType):
        parts = [_describe_type(part) for part in get_args(annotation)]
        return " or ".join(kind for kind, _ in parts), {"anyOf": [schema for _, schema in parts]}
    if get_origin(annotation) is Literal:
        choices = list(get_args(annotation))
        return ", ".join(f"`{choice}`" for choice in choices), {"enum": choices}
    if get_origin(annotation) is tuple:
        kind, schema = _describe_type(get_args(annotation)[0])
        return f"list of {kind}", {"type": "array", "items": schema}
    if get_origin(annotation) is dict:
        return "mapping", {"type": "object"}
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})", {"$ref": f"#/$defs/{annotation.__name__}"}
    simple: dict[Any, tuple[str, dict[str, Any]]] = {
        bool: ("true or false", {"type": "boolean"}),
        str: ("text", {"type": "string"}),
        float: ("number", {"type": "number"}),
        int: ("whole number", {"type": "integer"}),
        Path: ("path", {"type": "string"}),
        type(None): ("null", {"type": "null"}),
    }
    return simple[annotation]


def _describe_annotated(base: Any, extras: Sequence[Any]) -> tuple[str, dict[str, Any]]:
    for extra in extras:
        if isinstance(extra, NameOf):
            known: dict[str, Any] = {"enum": list(extra.registry)}
            more = extra.registry.pattern
            schema = {"anyOf": [known, {"type": "string", "pattern": more}]} if more else known
            return f"name of {_add_article(extra.registry.kind)}", schema
        if isinstance(extra, ByName):
            kind, schema = f"mapping with the `name` of {_add_article(extra.registry.kind)}", _choose_by_name(extra)
            if isinstance(extra, OneOrMore):
                return f"{kind}, or a list of such", {"anyOf": [schema, {"type": "array", "items": schema}]}
            return kind, schema
    kind, schema = _describe_type(base)
    if NUMBER in extras:
        kind, schema = "number or fraction", {"anyOf": [{"type": "number"}, {"type": "string", "pattern": FRACTION}]}
    elif COUNT in extras:
        kind, schema = "whole number", {"type": "integer"}
    elif any(isinstance(extra, BeforeValidator) for extra in extras):  # a short form of the same
        kind, schema = f"{kind} or text", {"anyOf": [schema, {"type": "string"}]}
    for extra in extras:
        for bound, (attribute, word, keyword) in BOUNDS.items():
            if isinstance(extra, bound):
                value = getattr(extra, attribute)
                kind += f", {word} {value:g}"
                schema = {**schema, keyword: value} if "type" in schema else schema
    return kind, schema


def _add_article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _choose_by_name(field: ByName) -> dict[str, Any]:
    return {"anyOf": [{"$ref": f"#/$defs/{cls.__name__}"} for cls in field.list_classes().values()]}


@lru_cache(maxsize=1024)
def read_docstrings(cls: type[Settings]) -> dict[str, str]:
    """Field -> what the text below it in its class says, in one line."""
    found: dict[str, str] = {}
    for owner in reversed(cls.__mro__):
        if not issubclass(owner, Settings) or owner is Settings:
            continue
        try:
            written = _find_classes(sys.modules[owner.__module__]).get(owner.__qualname__)
        except (KeyError, OSError, TypeError, SyntaxError):
            continue  # a class without a file, such as one that a decorator has completed
        for field, text in itertools.pairwise(written.body if written else []):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
                value = text.value.value if isinstance(text.value, ast.Constant) else None
                found[field.target.id] = " ".join(str(value).split()) if value is not None else ""
    return found


@lru_cache(maxsize=1024)
def _find_classes(module: ModuleType) -> dict[str, ast.ClassDef]:
    """Qualified name -> class, as a module's file has them.

    :raises OSError, TypeError, SyntaxError: it has no file, or none of Python.
    """
    found: dict[str, ast.ClassDef] = {}
    waiting: list[tuple[str, ast.AST]] = [("", ast.parse(inspect.getsource(module)))]
    while waiting:
        prefix, node = waiting.pop(0)
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, ast.ClassDef):
                found.setdefault(prefix + child.name, child)
                inner = f"{prefix}{child.name}."
            elif isinstance(child, ast.FunctionDef):
                inner = f"{prefix}{child.name}.<locals>."
            if isinstance(child, ast.stmt):
                waiting.append((inner, child))
    return found


def list_classes() -> dict[str, type[Settings]]:
    """Section or part -> its class, sections first; those that a section takes in come after it."""
    found: dict[str, type[Settings]] = dict(SECTIONS)
    waiting = list(SECTIONS.values())
    while waiting:
        for cls in _list_nested(waiting.pop(0)):
            if cls not in found.values():
                found[cls.__name__] = cls
                waiting.append(cls)
    return found


def _list_nested(cls: type[Settings]) -> Iterator[type[Settings]]:
    for field in cls.model_fields.values():
        parts = list(walk_annotation((field.annotation, *field.metadata)))
        named = [part for part in parts if isinstance(part, ByName)]
        if named:
            yield from (cls for part in named for cls in part.list_classes().values())
        else:
            yield from (part for part in parts if isinstance(part, type) and issubclass(part, Settings))


def find_registries() -> dict[str, Registry[Any]]:
    """Kind of part -> the registry of its parts, of all that a space can name."""
    named = [registry for cls in list_classes().values() for _, registry in list_registries(cls)]
    return {each.kind: each for registry in named for each in registry.list_registries()}


def format_reference() -> str:
    """All settings as Markdown, a table for each section and part."""
    by_class = {
        cls: f"{registry.kind} `{name}`"
        for registry in find_registries().values()
        for name in registry
        if isinstance(cls := registry.load(name), type) and issubclass(cls, Settings)
    }
    lines = [REFERENCE_HEAD]
    for name, cls in list_classes().items():
        title = f"`{name}`" if name in SECTIONS else by_class.get(cls, cls.__name__)
        lines += [f'\n## <a id="{cls.__name__.lower()}"></a>{title}', "", inspect.getdoc(cls) or "", ""]
        lines += ["| setting | value | default | meaning |", "|---|---|---|---|"]
        for setting in list_settings(cls):
            mark = "" if setting.keyed else " *(not in the key)*"
            lines.append(f"| `{setting.name}` | {setting.kind} | `{setting.default}` | {setting.meaning}{mark} |")
    return "\n".join(lines) + "\n"


REFERENCE_HEAD = """# Settings

Every setting of a search space, as the classes that check it declare it; `advsweep show` prints this page, and with
`--plugin` its parts too. Any value, and any whole section, may be `{grid_search: [...]}`. A setting that is *not in the
key* changes nothing about an outcome. Numbers may be fractions such as `8/255`. `advsweep schema` prints the same as
JSON Schema, for editors."""
