"""Fields of settings that name a part: a model or a data set by its name, an attack or an optimizer by its settings."""

from __future__ import annotations

from typing import Annotated, Any, Union

from pydantic import BaseModel, Discriminator, GetCoreSchemaHandler, Tag, TypeAdapter
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from tasks.errors import list_choices
from tasks.registry import Registry


class NameOf:
    """Annotation of a text that names a part of a registry, such as a model or a data set."""

    def __init__(self, registry: Registry[Any]) -> None:
        self.registry = registry

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check_known, handler(source))

    def _check_known(self, name: str) -> str:
        if name not in self.registry:
            raise PydanticCustomError("unknown", "{text}", {"text": self.registry.describe_unknown(name)})
        return name


class ByName:
    """Annotation of a field whose class depends on its `name`, such as an attack or an optimizer.

    The classes are looked up when a value is validated, so that a class which is registered later is known at once.
    """

    def __init__(self, registry: Registry[Any]) -> None:
        """:param registry: of settings classes."""
        self.registry = registry
        self._built: tuple[int, TypeAdapter[Any]] | None = None
        """The validator of all classes, and the revision of the registry that it was built from."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validate)

    def list_classes(self) -> dict[str, type[Any]]:
        """Every class of settings by its name."""
        return {name: self.registry.load(name) for name in self.registry}

    def _validate(self, value: object) -> object:
        name = _name_of(value)
        if not isinstance(value, (dict, BaseModel)):
            raise PydanticCustomError("not_named", "should be a mapping with a `name`")
        if isinstance(value, dict) and "name" not in value:
            text = f"has no `name`; {list_choices(list(self.registry), '')}"
            raise PydanticCustomError("unnamed", "{text}", {"text": text})
        if name not in self.registry:
            text = self.registry.describe_unknown(value.get("name") if isinstance(value, dict) else name)
            raise PydanticCustomError("unknown_name", "{text}", {"text": text})
        if self._built is None or self._built[0] != self.registry.revision:
            self._built = (self.registry.revision, self._build_validator())
        return self._built[1].validate_python(value)

    def _build_validator(self) -> TypeAdapter[Any]:
        members = tuple(Annotated[cls, Tag(name)] for name, cls in self.list_classes().items())
        union: Any = Annotated[Union[members], Discriminator(_name_of)]  # noqa: UP007 (made from a tuple)
        return TypeAdapter(union)


class OneOrMore(ByName):
    """The same for a field that may also hold a list of at least one such value."""

    def _validate(self, value: object) -> object:
        if not isinstance(value, (list, tuple)):
            return super()._validate(value)
        if not value:
            raise PydanticCustomError("empty", "should be a mapping with a `name`, or a list of such")
        return TypeAdapter(tuple[Annotated[BaseModel, ByName(self.registry)], ...]).validate_python(value)


def _name_of(value: object) -> str | None:
    name = value.get("name") if isinstance(value, dict) else getattr(value, "name", None)
    return name if isinstance(name, str) else None
