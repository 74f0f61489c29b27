"""The size of a model: parameters and multiply-accumulate operations."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from tasks.models.build import NormalizedModel


class OperationCounter(TorchDispatchMode):
    """Counts what torch's `FlopCounterMode` counts.

    That imports torch's compiler, which takes a process two seconds of CPU time and is used by nothing here.
    """

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0
        """Floating-point operations: two for each multiply-accumulate."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """What torch asks before it has its compiler leave a mode alone, for which it imports it."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        formula = flop_registry.get(getattr(func, "overloadpacket", None))
        if formula is None and isinstance(func, torch._ops.OpOverload) and func is not torch.ops.prim.device.default:
            with self:
                found = func.decompose(*args, **named)
            if found is not NotImplemented:
                return found
        found = func(*args, **named)
        self.operations += 0 if formula is None else formula(*args, **named, out_val=found)
        return found


def measure_model(model: NormalizedModel, shape: tuple[int, ...]) -> dict[str, int]:
    """Parameters, those that are not zero, and multiply-accumulates of one image [C, H, W]."""
    weights = list(model.parameters())
    model.eval()
    with OperationCounter() as counter, torch.no_grad():
        model(torch.zeros(1, *shape, device=model.mean.device))
    return {
        "parameters": sum(weight.numel() for weight in weights),
        "nonzero_parameters": _count_nonzero(weights),
        "macs": counter.operations // 2,
    }


def _count_nonzero(weights: list[torch.nn.Parameter]) -> int:
    return int(torch.stack([weight.count_nonzero() for weight in weights]).sum()) if weights else 0
