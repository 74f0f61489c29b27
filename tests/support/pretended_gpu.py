"""A GPU that is only pretended, to test placement where there is none.

Its tensors say that they are on `fakegpu:0`, and their values lie in CPU tensors. An operation that mixes devices
raises as CUDA does, and whatever makes the host wait for a real device is counted by the line of the project that
asked for it. It knows no kernels, no TF32 and no memory: what a real device would compute or hold, it cannot say.

It is torch's "PrivateUse1" backend written in Python, of which a process can have one: importing this module registers
it for good, so tests import it in a process of their own.
"""

from __future__ import annotations

import functools
import sys
import types
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "fakegpu"
_setup_privateuseone_for_python_backend(NAME)
DEVICE = torch.device(NAME, 0)
vars(torch.get_device_module(NAME))["get_amp_supported_dtype"] = lambda: [torch.bfloat16, torch.float16]

WAITS: Counter[tuple[str, str]] = Counter()
"""(what made the host wait, file and line of the project) -> how often."""

READS_ON_HOST = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal"}
"""Operations whose outcome the host must know before it goes on."""
MAY_MIX = {"index", "index_put", "index_put_", "_index_put_impl_", "_to_copy", "copy_", "_local_scalar_dense"}
"""Operations that take tensors of both devices on CUDA too."""
MAY_WAIT = {*READS_ON_HOST, "index", "_to_copy"}
HOST = torch.device("cpu")
TENSORS_OF_MANY = "torch.distributed.tensor"
"""A second of imports, which torch asks whether a tensor that is moved lies in several processes: none does."""


class GpuTensor(torch.Tensor):
    """A tensor that says it is on the device; `raw` holds its values on the CPU."""

    raw: torch.Tensor

    @staticmethod
    def __new__(cls, raw: torch.Tensor) -> GpuTensor:
        made: GpuTensor = torch.Tensor._make_wrapper_subclass(
            cls, raw.size(), strides=raw.stride(), storage_offset=raw.storage_offset(), dtype=raw.dtype, device=DEVICE
        )
        made.raw = raw
        return made

    def __init__(self, raw: torch.Tensor) -> None:
        """The values are kept by `__new__`."""

    def __getitem__(self, places: Any) -> torch.Tensor:
        """Places in a list become a tensor here: torch would make one on the device by itself."""
        found: torch.Tensor = super().__getitem__(torch.tensor(places) if isinstance(places, list) else places)
        return found

    def tolist(self) -> Any:
        _count("tolist")
        found = self.detach()
        return (found if isinstance(found, GpuTensor) else self).raw.tolist()

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"GpuTensor({self.raw if tensor_contents is None else tensor_contents})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        return _run(func, args, kwargs or {})


def _count(what: str) -> None:
    WAITS[what, _find_line()] += 1


def _find_line() -> str:
    frame = sys._getframe(1)
    while frame.f_back is not None:
        file = frame.f_code.co_filename
        if "/tasks/" in file and "/tests/" not in file:
            return f"{file.rsplit('/tasks/', 1)[1]}:{frame.f_lineno}"
        frame = frame.f_back
    return "elsewhere"


@functools.cache
def _describe(func: Any) -> tuple[str, bool]:
    """The name of an operation without its overload, and whether it changes what it is given."""
    return func.overloadpacket.__name__, func._schema.is_mutable


def _take_raw(found: Any, on_device: list[GpuTensor], on_host: list[torch.Tensor]) -> Any:
    """What an operation takes, with the values of tensors; torch's own trees take ten times as long.

    :param on_device: the tensors on the device are added to it; those on the host to the other.
    """
    kind = type(found)
    if kind is GpuTensor:
        on_device.append(found)
        return found.raw
    if kind is list or kind is tuple:
        return kind([_take_raw(part, on_device, on_host) for part in found])
    if isinstance(found, torch.Tensor):
        on_host.append(found)
    return found


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name, changes = _describe(func)
    asked = kwargs.get("device") if kwargs else None
    wanted = None if asked is None else torch.device(asked).type == NAME
    on_device, on_host = list[GpuTensor](), list[torch.Tensor]()
    raw = [_take_raw(each, on_device, on_host) for each in args]
    named = {key: _take_raw(each, on_device, on_host) for key, each in kwargs.items()}
    if on_host and on_device and name not in MAY_MIX:
        mixed = [tuple(leaf.shape) for leaf in on_host if leaf.dim()]
        if mixed:
            raise RuntimeError(f"Expected all tensors to be on the same device: {func} mixes {DEVICE} and cpu {mixed}")
    if name in MAY_WAIT:
        _count_waits(name, args, on_device, wanted)
    if asked is not None:
        named["device"] = HOST
    out = func(*raw, **named)
    if changes and (resized := [tuple(leaf.raw.shape) for leaf in on_device if leaf.raw.shape != leaf.shape]):
        raise NotImplementedError(f"{func} has resized a tensor of the pretended GPU to {resized}")
    if name in ("_local_scalar_dense", "is_nonzero"):
        return out
    if changes and name.endswith("_") and args and isinstance(args[0], torch.Tensor):
        return args[0]
    return _put_on_device(out) if (on_device if wanted is None else wanted) else out


def _put_on_device(made: Any) -> Any:
    if isinstance(made, GpuTensor):
        return made
    if isinstance(made, torch.Tensor):
        return GpuTensor(made)
    return type(made)(map(_put_on_device, made)) if isinstance(made, (list, tuple)) else made


def _count_waits(name: str, args: Any, on_device: list[GpuTensor], wanted: bool | None) -> None:
    places = [place for place in (args[1] or ()) if place is not None] if name == "index" else []
    if on_device and name in READS_ON_HOST:
        _count(name)
    if any(isinstance(place, GpuTensor) and place.dtype == torch.bool for place in places):
        _count("index by a mask")
    if on_device and any(not isinstance(place, GpuTensor) for place in places):
        _count("copy to the device for an index")
    if name == "_to_copy" and on_device and wanted is False:
        _count("copy to the host")
    if name == "_to_copy" and not on_device and wanted:
        _count("copy to the device")


sys.modules[TENSORS_OF_MANY] = _stand_in = types.ModuleType(TENSORS_OF_MANY)
vars(_stand_in)["DTensor"] = type("DTensor", (), {})

_library = torch.library.Library("_", "IMPL", "PrivateUse1")
_library.fallback(lambda func, *args, **kwargs: _run(func, args, kwargs))
_autocast = torch.library.Library("_", "IMPL", "AutocastPrivateUse1")
_autocast.fallback(torch.library.fallthrough_kernel)  # autocast changes nothing here, as it must not change placement

torch.__future__.set_overwrite_module_params_on_conversion(True)
"""A module that is converted gets new parameters: exchanging the inside of a tensor would leave `raw` behind."""


def _make_on_device(factory: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """A factory whose tensor is filled or resized by other means than operations: made on the CPU, then moved."""

    @functools.wraps(factory)
    def make(*args: Any, device: Any = None, **kwargs: Any) -> torch.Tensor:
        if device is None or torch.device(device).type != NAME:
            return factory(*args, device=device, **kwargs)
        return factory(*args, **kwargs).to(device)

    return make


for _name in ("tensor", "arange", "linspace", "randperm", "eye"):
    setattr(torch, _name, _make_on_device(getattr(torch, _name)))
