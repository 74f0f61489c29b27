"""torch's optimizers without its compiler, which they import to tell it something, and which nothing here uses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import cast

import torch

TOLD_TO_COMPILER = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")
"""Methods that torch has its compiler leave alone."""


def leave_out_compiler(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """The same optimizer, with the same steps; importing the compiler takes a process two seconds of CPU time.

    :returns: a subclass of it.
    """
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in TOLD_TO_COMPILER}
    step = torch.no_grad()(inspect.unwrap(kind.step))
    made = type(kind.__name__, (kind,), {**methods, "step": step, "__doc__": kind.__doc__})
    return cast("Callable[..., torch.optim.Optimizer]", made)
