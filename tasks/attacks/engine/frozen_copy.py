"""Copies of a model in evaluation mode, made in a fraction of the time that a general deep copy takes."""

from __future__ import annotations

import copy
from collections import OrderedDict
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

ATOMS = frozenset({type(None), bool, int, float, str, torch.dtype, torch.device})
"""What nobody can change, and a copy may share."""
TABLES = frozenset({dict, OrderedDict, set})
OWN_TABLES = frozenset(name for name, held in vars(nn.Module()).items() if type(held) in TABLES)
"""In which every module keeps its parts and what is to be done when it is called; no two modules have one in common."""
HOW_TO_COPY = (
    "__deepcopy__", "__reduce_ex__", "__reduce__", "__getstate__", "__getnewargs_ex__", "__getnewargs__",
    "__slots__", "__new__",
)  # fmt: skip
"""By which a class says what a copy of it holds: one that says so is left to `copy.deepcopy`."""

HOW_TO_PUT = (
    "train", "eval", "requires_grad_", "to", "_apply", "modules", "named_modules", "parameters", "named_parameters",
    "buffers", "__setattr__",
)  # fmt: skip
"""By which a class says what becomes of its parts where a model is put in another state."""


def copy_frozen(model: nn.Module, instead: dict[int, Any] | None = None) -> nn.Module:
    """A deep copy in evaluation mode, without gradients of its weights, channels last.

    :param instead: id of a part -> what the copy has in its place; gets every part's copy.
    """
    copied: nn.Module = _copy(model, {} if instead is None else instead)
    parts = list(copied.modules())
    if not all(_is_put_as_any(type(part)) for part in parts):  # type: ignore[arg-type]  # classes can be hashed
        return copied.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    for part in parts:
        vars(part)["training"] = False
        for weight in part._parameters.values():
            if weight is not None:
                weight.requires_grad_(False)
                weight.data = _lay_out(weight.data)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = _lay_out(buffer)
    return copied


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
            table.update(_copy_held(part, memo))
        return table
    if kind in (tuple, set) and ATOMS.issuperset(map(type, part)):
        memo[id(part)] = kind(part)
        return memo[id(part)]
    if kind is nn.Parameter:
        memo[id(part)] = nn.Parameter(part.data.clone(memory_format=torch.preserve_format), part.requires_grad)
    elif kind is Tensor and _holds_values_alone(part):
        memo[id(part)] = part.clone(memory_format=torch.preserve_format)
    elif isinstance(part, nn.Module) and _is_plain(kind):  # type: ignore[arg-type]
        twin = nn.Module.__new__(kind)
        memo[id(part)] = twin
        twin.__setstate__(_copy_parts(vars(part), memo))
    else:
        return copy.deepcopy(part, memo)
    return memo[id(part)]


def _copy_parts(held: dict[str, Any], memo: dict[int, Any]) -> dict[str, Any]:
    """What a module holds: most of it is what nobody can change, or a table of its own with nothing in it."""
    copied = held.copy()
    for name, value in held.items():
        kind = type(value)
        if kind in ATOMS:
            continue
        copied[name] = kind() if name in OWN_TABLES and kind in TABLES and not value else _copy(value, memo)
    return copied


def _copy_held(held: dict[Any, Any], memo: dict[int, Any]) -> dict[Any, Any]:
    """What a table holds."""
    return {key if type(key) is str else _copy(key, memo): _copy(value, memo) for key, value in held.items()}


def _lay_out(tensor: Tensor) -> Tensor:
    """As `nn.Module.to` puts tensors in channels-last order: images and filters alone."""
    return tensor.to(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


def _holds_values_alone(tensor: Tensor) -> bool:
    """Whether nothing but its values is to be copied."""
    return tensor.layout is torch.strided and not tensor.requires_grad and not vars(tensor)


@lru_cache(maxsize=256)
def _is_plain(kind: type[nn.Module]) -> bool:
    """Whether modules of this class are copied as any module is."""
    return all(getattr(kind, name, None) is getattr(nn.Module, name, None) for name in HOW_TO_COPY)


@lru_cache(maxsize=256)
def _is_put_as_any(kind: type[nn.Module]) -> bool:
    """Whether modules of this class are put in evaluation mode, frozen and laid out as any module is."""
    return all(getattr(kind, name, None) is getattr(nn.Module, name, None) for name in HOW_TO_PUT)
