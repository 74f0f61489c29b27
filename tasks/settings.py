"""Validated, immutable settings: what every section of a search space becomes.

A field is declared with `keyed` (it changes the outcome, so it is part of the stage key; `added` where it came later)
or `unkeyed` (it does not: a path, a batch size, a worker count). There is no third kind, and a test fails until a new
field is one of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from fractions import Fraction
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from tasks.errors import UsageError
from tasks.keys import format_canonical_json
from tasks.local_paths import parse_local_path
from tasks.part_names import ByName, NameOf
from tasks.plugins.source import hash_code
from tasks.registry import Registry


def keyed(default: Any = ..., **constraints: Any) -> Any:
    """A field that changes the outcome of its stage."""
    return Field(default, json_schema_extra={"keyed": True}, **constraints)


def unkeyed(default: Any = ..., **constraints: Any) -> Any:
    """A field that cannot change the outcome of its stage."""
    return Field(default, json_schema_extra={"keyed": False}, **constraints)


def added(default: Any, **constraints: Any) -> Any:
    """A keyed field that came when keys were in use: left out of them at its default, so that they stay as they are."""
    return Field(default, json_schema_extra={"keyed": True, "added": True}, **constraints)


class Settings(BaseModel):
    """Base of all settings. Unknown fields, NaN and infinities are errors; instances are hashable."""

    idle_beside: ClassVar[tuple[str, ...]] = ()
    """Where its fields are written in another section: those of that section that mean nothing to it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=(), hide_input_in_errors=False
    )

    @model_validator(mode="before")
    @classmethod
    def _gather_flattened(cls, raw: Any) -> Any:
        """Move what is not a field of this class into the settings that are written one level up."""
        if FLATTENED not in cls.model_fields or not isinstance(raw, dict) or FLATTENED in raw:
            return raw
        own = {name: value for name, value in raw.items() if name in cls.model_fields}
        return {**own, FLATTENED: {name: value for name, value in raw.items() if name not in own}}

    def __hash__(self) -> int:
        return self.fields_hash

    @cached_property
    def fields_hash(self) -> int:
        """Kept, since a grid looks the same section up once per trial."""
        return hash((type(self), *(self.__dict__[name] for name in type(self).model_fields)))

    @cached_property
    def canonical_text(self) -> str:
        """`canonical` as canonical JSON; kept for the same reason."""
        return format_canonical_json(self.canonical())

    def __copy__(self) -> Self:
        """A copy is about to be changed: nothing that was computed from the original may stay with it."""
        copied = super().__copy__()
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        fields = type(self).model_fields
        return {**state, "__dict__": {name: value for name, value in state["__dict__"].items() if name in fields}}

    def canonical(self) -> dict[str, Any]:
        """The fields that change the outcome, by their names in the file, nested; the content of a stage key."""
        return self._dump(keyed_only=True, with_code=True)

    def list_idle(self) -> dict[str, str]:
        """Its fields that cannot matter beside what its other fields say, each with why; a grid may still need them."""
        return {}

    def document(self) -> dict[str, Any]:
        """Every field as it would be written in a file."""
        return self._dump(keyed_only=False, with_code=False)

    @classmethod
    def find_declaration_problem(cls) -> str | None:
        """Why a field of this class can be in no key; null where each can."""
        for name, field in cls.model_fields.items():
            if not isinstance(field.json_schema_extra, dict) or "keyed" not in field.json_schema_extra:
                return (
                    f"{cls.__name__}.{name}: declare it with keyed(...) where it changes the outcome, else unkeyed(...)"
                )
            for part in walk_annotation((field.annotation, *field.metadata)):
                kind = get_origin(part) or part
                problem = _find_type_problem(kind) if isinstance(kind, type) else None
                if problem:
                    return f"{cls.__name__}.{name}: {problem}"
        return None

    def describe(self) -> dict[str, Any]:
        """Every field as in `document`, and beside each that names a user's own part the digests of its code."""
        return self._dump(keyed_only=False, with_code=True)

    def _dump(self, *, keyed_only: bool, with_code: bool) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            extra = field.json_schema_extra
            assert isinstance(extra, dict), f"{name}: declare it with keyed(), added() or unkeyed()"
            if keyed_only and not extra["keyed"]:
                continue
            if keyed_only and extra.get("added") and getattr(self, name) == field.default:
                continue
            value = _make_plain(getattr(self, name), keyed_only, with_code)
            if name == FLATTENED:
                out.update(value)
            else:
                out[field.alias or name] = value
        if with_code:
            out |= self._describe_code()
        return out

    def _describe_code(self) -> dict[str, dict[str, str]]:
        """`code`: file -> digest, of those parts that are a user's own: with other code they are other work."""
        found: dict[str, str] = {}
        for name, registry in list_registries(type(self)):
            value = getattr(self, name)
            for part in value if isinstance(value, tuple) else (value,):
                origin = registry.find_origin(part if isinstance(part, str) else getattr(part, "name", ""))
                found |= hash_code(origin) if origin else {}
        return {CODE: found} if found else {}


UNWRITABLE = (list, dict, set, frozenset, bytes, Enum)
"""Types of fields that cannot be compared, or that no file can say."""
CODE = "code"
"""Where the canonical form of settings has the digests of a user's own code."""


@lru_cache(maxsize=1024)
def list_registries(cls: type[Settings]) -> tuple[tuple[str, Registry[Any]], ...]:
    """The fields of a class that name a part, and the registry of each."""
    fields = cls.model_fields.items()
    return tuple(
        (name, part.registry)
        for name, field in fields
        for part in walk_annotation((field.annotation, *field.metadata))
        if isinstance(part, (NameOf, ByName))
    )


def walk_annotation(parts: tuple[Any, ...]) -> Iterator[Any]:
    """Every type and note of an annotation, however deep."""
    for part in parts:
        yield part
        yield from walk_annotation(get_args(part))


def _find_type_problem(kind: type) -> str | None:
    """Why a field of this type can be in no key; null where it can."""
    if issubclass(kind, UNWRITABLE):
        better = "Literal[...]" if issubclass(kind, Enum) else "tuple[...] or a class of Settings"
        return f"no {kind.__name__} can be in a key: make it {better}"
    if issubclass(kind, Settings):
        return kind.find_declaration_problem()
    return f"{kind.__name__} is to be a class of Settings" if issubclass(kind, BaseModel) else None


def _make_plain(value: Any, keyed_only: bool, with_code: bool) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Settings):
        return value._dump(keyed_only=keyed_only, with_code=with_code)
    if isinstance(value, tuple):
        return [_make_plain(part, keyed_only, with_code) for part in value]
    return str(value) if isinstance(value, Path) else value


FLATTENED = "method"
"""A field of this name holds settings whose fields are written one level up: `attack: {name: pgd, examples: 500}`."""


def parse_number(value: object) -> object:
    """Read a number or a fraction such as `8/255`; a boolean, any other text or what no float can hold is an error."""
    try:
        if isinstance(value, str):
            return float(Fraction(value.replace(" ", ""))) if "/" in value else float(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            float(value)
            return value
    except (ValueError, ZeroDivisionError):
        pass
    except OverflowError:
        raise PydanticCustomError("number", "is too large for a number") from None
    if isinstance(value, Mapping):
        raise PydanticCustomError("number", "is a mapping, not a number; a grid is written {grid_search: [...]}")
    raise PydanticCustomError("number", "is not a number; write one such as 0.03 or a fraction such as 8/255")


Number = Annotated[float, BeforeValidator(parse_number)]

SMALLEST_COUNT, LARGEST_COUNT = -(2**63), 2**63 - 1
"""What a column of the result tables can hold."""


def parse_count(value: object) -> object:
    """Read a whole number of 64 bits: `1e3` is one, `True` and `2.5` are not."""
    try:
        number = parse_number(value)
    except PydanticCustomError:
        if not isinstance(value, str):
            raise
        raise PydanticCustomError("count", "is not a whole number; write one such as 10") from None
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int):
        raise PydanticCustomError("count", "is not a whole number")
    if not SMALLEST_COUNT <= number <= LARGEST_COUNT:
        raise PydanticCustomError("count", "is too large for a whole number of 64 bits")
    return number


Count = Annotated[int, BeforeValidator(parse_count)]


def _check_path(path: object, parse: ValidatorFunctionWrapHandler) -> Path:
    try:  # of what was written: as a path, a blank text is the working directory
        return parse_local_path(path if isinstance(path, str) else parse(path), "")
    except UsageError as error:
        raise PydanticCustomError("path", "{text}", {"text": str(error)}) from None


LocalPath = Annotated[Path, WrapValidator(_check_path, json_schema_input_type=Path)]
"""A path that the system can look up, `~` written out."""
