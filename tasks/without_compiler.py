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
UTILITIES = f"{COMPILER}.utils"
KEPT = "__dynamo_disable"
"""Where torch keeps, on a function, what its compiler has made of it."""
TOLD_TO_COMPILER = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")
"""Methods of an optimizer that torch has its compiler leave alone."""


class _StandIn(types.ModuleType):
    """In the place of a module of the compiler, until it is asked for anything else than what it offers."""

    def __init__(self, name: str, leave: Callable[[], None], **offered: Any) -> None:
        super().__init__(name)
        self.leave = leave
        vars(self).update(offered)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and (self.__name__, name) != (COMPILER, "__path__"):
            raise AttributeError(name)
        self.leave()
        return getattr(importlib.import_module(self.__name__), name)


@contextlib.contextmanager
def replace_compiler() -> Iterator[None]:
    """Compute shapes, import torchvision and take steps of an optimizer without it inside, unless it is there already.

    A network of a plugin that uses it gets it.
    """
    if COMPILER in sys.modules:
        yield
        return
    left_alone: list[Callable[..., Any]] = []

    def disable(function: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
        left_alone.append(function)
        return function

    def leave() -> None:
        """Make place for the compiler, which then finds torch's functions as they were."""
        for stand_in in stand_ins:
            if sys.modules.get(stand_in.__name__) is stand_in:
                del sys.modules[stand_in.__name__]
        while left_alone:
            vars(left_alone.pop()).pop(KEPT, None)

    stand_ins = (
        _StandIn(COMPILER, leave, disable=disable, left_alone=left_alone, graph_break=lambda: None),
        _StandIn(UTILITIES, leave, is_compile_supported=is_compile_supported),
    )
    sys.modules.update({stand_in.__name__: stand_in for stand_in in stand_ins})
    try:
        yield
    finally:
        leave()


def is_compile_supported(device: Any) -> Any:
    """What torchvision takes from the compiler for the layers of detection, which ask when they compute."""
    return importlib.import_module(UTILITIES).is_compile_supported(device)


def leave_out_compiler(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """The same optimizer, with the same steps, which does not tell the compiler of them.

    :returns: a subclass of it.
    """
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in TOLD_TO_COMPILER}
    step = torch.no_grad()(inspect.unwrap(kind.step))
    made = type(kind.__name__, (kind,), {**methods, "step": step, "__doc__": kind.__doc__})
    return cast("Callable[..., torch.optim.Optimizer]", made)
