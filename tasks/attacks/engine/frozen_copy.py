"""Copies of a model in evaluation mode, made in a fraction of the time that a general deep copy takes."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

ATOMS = frozenset({type(None), bool, int, float, str, torch.dtype, torch.device})
"""What nobody can change, and a copy may share."""
HOW_TO_COPY = (
    "__deepcopy__", "__reduce_ex__", "__reduce__", "__getstate__", "__getnewargs_ex__", "__getnewargs__",
    "__slots__", "__new__",
)  # fmt: skip
"""By which a class says what a copy of it holds: one that says so is left to `copy.deepcopy`."""


def copy_frozen(model: nn.Module) -> nn.Module:
    """A deep copy in evaluation mode, without gradients of its weights, channels last."""
    copied: nn.Module = _copy(model, {})
    return copied.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def copy_unseen(model: nn.Module) -> nn.Module:
    """A copy of a frozen model in the state that it is in, which shares its weights: it costs next to nothing.

    What the original answers afterwards, the copy knows nothing of.
    """
    copied: nn.Module = _copy(model, {id(weight): weight for weight in model.parameters()})
    return copied


def _copy(part: Any, memo: dict[int, Any]) -> Any:
    """What `copy.deepcopy` makes of a module or of what it holds.

    Modules are mostly tables, few of which hold anything, and tensors: for these the general way takes longer than a
    small network takes to answer. Tensors that look into one storage have one each, as on another device.

    :param memo: id of what was copied -> its copy, as for `copy.deepcopy`.
    """
    kind = type(part)
    if kind in ATOMS:
        return part
    if id(part) in memo:
        return memo[id(part)]
    if kind in (dict, OrderedDict):
        memo[id(part)] = table = kind()
        if part:
            table.update({_copy(name, memo): _copy(value, memo) for name, value in part.items()})
        return table
    if kind in (tuple, set) and ATOMS.issuperset(map(type, part)):
        memo[id(part)] = kind(part)
        return memo[id(part)]
    if kind is nn.Parameter:
        memo[id(part)] = nn.Parameter(part.data.clone(memory_format=torch.preserve_format), part.requires_grad)
    elif kind is Tensor and _holds_values_alone(part):
        memo[id(part)] = part.clone(memory_format=torch.preserve_format)
    elif isinstance(part, nn.Module) and _is_plain(type(part)):
        twin = nn.Module.__new__(kind)
        memo[id(part)] = twin
        held = vars(part).items()
        twin.__setstate__({name: value if type(value) in ATOMS else _copy(value, memo) for name, value in held})
    else:
        return copy.deepcopy(part, memo)
    return memo[id(part)]


def _holds_values_alone(tensor: Tensor) -> bool:
    """Whether nothing but its values is to be copied."""
    return tensor.layout is torch.strided and not tensor.requires_grad and not vars(tensor)


def _is_plain(kind: type[nn.Module]) -> bool:
    """Whether modules of this class are copied as any module is."""
    return all(getattr(kind, name, None) is getattr(nn.Module, name, None) for name in HOW_TO_COPY)
