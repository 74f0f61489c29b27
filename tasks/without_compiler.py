"""torch without its compiler, which torch imports in places only to have it leave its functions alone.

To import it takes a process two seconds of CPU time, and nothing here uses it.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch

COMPILER = "torch._dynamo"
KEPT = "__dynamo_disable"
"""Where torch keeps, on a function, what its compiler has made of it."""
TOLD_TO_COMPILER = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")
"""Methods of an optimizer that torch has its compiler leave alone."""


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
    """Compute shapes without it inside, unless it is there already; a network of a plugin that uses it gets it."""
    if COMPILER in sys.modules:
        yield
        return
    stand_in = sys.modules[COMPILER] = _StandIn()
    try:
        yield
    finally:
        stand_in.leave()


def leave_out_compiler(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """The same optimizer, with the same steps, which does not tell the compiler of them.

    :returns: a subclass of it.
    """
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in TOLD_TO_COMPILER}
    step = torch.no_grad()(inspect.unwrap(kind.step))
    made = type(kind.__name__, (kind,), {**methods, "step": step, "__doc__": kind.__doc__})
    return cast("Callable[..., torch.optim.Optimizer]", made)
