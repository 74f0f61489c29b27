"""Shapes are computed without torch's compiler, which torch imports only to have it leave its functions alone.

To import it takes a process two seconds of CPU time, and nothing here uses it.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

COMPILER = "torch._dynamo"
KEPT = "__dynamo_disable"
"""Where torch keeps, on a function, what its compiler has made of it."""


class _StandIn(types.ModuleType):
    """In the place of the compiler, until it is asked for anything else."""

    def __init__(self) -> None:
        super().__init__(COMPILER)
        self.left_alone: list[Callable[..., Any]] = []

    def disable(self, function: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
        self.left_alone.append(function)
        return function

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        self.leave()
        return getattr(importlib.import_module(COMPILER), name)

    def leave(self) -> None:
        """Make place for the compiler, which then finds torch's functions as they were."""
        if sys.modules.get(COMPILER) is self:
            del sys.modules[COMPILER]
        while self.left_alone:
            vars(self.left_alone.pop()).pop(KEPT, None)


@contextlib.contextmanager
def replace_compiler() -> Iterator[None]:
    """Leave torch's compiler out inside, unless it is there already; a network of a plugin that uses it gets it."""
    if COMPILER in sys.modules:
        yield
        return
    stand_in = sys.modules[COMPILER] = _StandIn()
    try:
        yield
    finally:
        stand_in.leave()
