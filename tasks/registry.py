"""Registries: the parts of one kind, such as models or attacks, by the names that a search space gives them.

A part is registered as itself, or as `module:name`, which is imported when the part is first used: so a plan can be
made without what only a running stage needs. Parts may be added and removed while a program runs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Generic, TypeVar

from tasks.errors import UsageError, list_choices

Part = TypeVar("Part")


def load_object(reference: Any) -> Any:
    """What `module:name` stands for, imported now; anything but a text is the object itself."""
    if not isinstance(reference, str):
        return reference
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


class Registry(Generic[Part]):
    """The parts of one kind; iterating gives their names."""

    pattern: str | None = None
    """Regular expression of names that it may know beside those that it lists; null: there are none."""

    def __init__(self, kind: str, parts: Mapping[str, Part | str], extensible: bool = True) -> None:
        """:param kind: the word for one of them in messages, such as `attack`.
        :param parts: name -> the part, or `module:name` of it.
        :param extensible: whether a plugin can bring one.
        """
        self.kind = kind
        self.extensible = extensible
        self._revision = 0
        self._parts = dict(parts)
        self._origins: dict[str, str] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def revision(self) -> int:
        """Raised by every change, for those who keep what they have computed from the parts."""
        return self._revision

    def list_registries(self) -> Sequence[Registry[Part]]:
        """Itself; of several that are joined, each."""
        return (self,)

    def describe_unknown(self, name: object) -> str:
        """What a message says about a name that is not here: the known ones, and the nearest."""
        own = " (one of your own needs --plugin)" if self.extensible else ""
        return f"unknown {self.kind}{own}; {list_choices(list(self), name)}"

    def load(self, name: str) -> Part:
        """The part of that name; its module is imported now.

        :raises UsageError: there is none; the message lists the known ones and the nearest.
        """
        self._require(name)
        part: Part = load_object(self._parts[name])
        return part

    def find_origin(self, name: str) -> str | None:
        """The module of a user's own that has registered the part; null for the parts of this package."""
        return self._origins.get(name)

    def add(self, name: str, part: Part | str, origin: str | None = None) -> None:
        """Register a part.

        :param part: the part, or `module:name` of it.
        :param origin: the module of a user's own that it comes from, whose code is then in the key of every stage that
            uses the part.
        :raises UsageError: the name is taken; a part is never replaced, since stored results carry its name.
        """
        if name in self._parts:
            raise UsageError(f"there is a {self.kind} named {name!r} already: choose another name")
        self._parts[name] = part
        if origin is not None:
            self._origins[name] = origin
        self._revision += 1
        for watch in _WATCHERS:
            watch((self, name))

    def remove(self, name: str) -> None:
        """Take a part out again.

        :raises UsageError: there is none of that name.
        """
        self._require(name)
        del self._parts[name]
        self._origins.pop(name, None)
        self._revision += 1

    def _require(self, name: str) -> None:
        if name not in self:
            raise UsageError(f"{name!r}: {self.describe_unknown(name)}")


class JoinedRegistry(Registry[Part]):
    """The parts of several registries, for a place where those of any of them may stand; parts enter those."""

    def __init__(self, kind: str, *registries: Registry[Part]) -> None:
        """:param kind: the word for one of the parts in messages."""
        super().__init__(kind, {}, any(registry.extensible for registry in registries))
        self._registries = registries

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._registries)

    def __contains__(self, name: object) -> bool:
        return any(name in registry for registry in self._registries)

    def __len__(self) -> int:
        return sum(map(len, self._registries))

    @property
    def revision(self) -> int:
        return sum(registry.revision for registry in self._registries)

    def list_registries(self) -> Sequence[Registry[Part]]:
        return self._registries

    def load(self, name: str) -> Part:
        self._require(name)
        return self._find(name).load(name)

    def find_origin(self, name: str) -> str | None:
        return self._find(name).find_origin(name) if name in self else None

    def _find(self, name: str) -> Registry[Part]:
        return next(registry for registry in self._registries if name in registry)


_WATCHERS: list[Callable[[tuple[Registry[Any], str]], None]] = []


@contextmanager
def watch_additions(watch: Callable[[tuple[Registry[Any], str]], None]) -> Iterator[None]:
    """Have a function told of every part that is registered meanwhile, in any registry."""
    _WATCHERS.append(watch)
    try:
        yield
    finally:
        _WATCHERS.remove(watch)
