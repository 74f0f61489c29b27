"""How exactly floating-point numbers are computed, and what memory that takes: torch's switches, set and put back."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import torch

from tasks.errors import NO_MEMORY

LOG = logging.getLogger(__name__)
Part = TypeVar("Part")

OLDER, NEWER = "allow_tf32", "fp32_precision"
"""The names of a switch before torch 2.9 and since."""

STEADY_ROWS = 8
"""From so many rows on, a matrix product gives each row what it gives it among any number of others."""


@contextlib.contextmanager
def use_tf32(allowed: bool) -> Iterator[None]:
    """Whether sums of products in fp32 may be taken in TF32 for a while, whatever torch's own switches say.

    TF32 keeps 10 bits of a number instead of 23, on GPUs from Ampere on: logits move in the third decimal, which is
    too much for a verdict. What the switches were is put back at the end. On a CPU fp32 is fp32 in either case.
    """
    before = _read_switches()
    for owner, name, _ in before:
        gpu = owner not in _list_cpu_owners()
        setattr(owner, name, allowed and gpu if name == OLDER else "tf32" if allowed and gpu else "ieee")
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def _read_switches() -> list[tuple[Any, str, Any]]:
    """Every switch of this build of torch and what it is now: (owner, name, value).

    Since 2.9 there is one for each kind of operation. The older pair is then another view of them, which torch
    refuses to show where the two differ; it is set first.
    """
    matmul, cudnn = torch.backends.cuda.matmul, cast(Any, torch.backends.cudnn)
    if not hasattr(matmul, NEWER):
        return [(matmul, OLDER, matmul.allow_tf32), (cudnn, OLDER, cudnn.allow_tf32)]
    owners = [matmul, cudnn.conv, cudnn.rnn, *_list_cpu_owners()]
    older = [(matmul, OLDER, matmul.fp32_precision == "tf32"), (cudnn, OLDER, cudnn.conv.fp32_precision == "tf32")]
    return [*older, *((owner, NEWER, owner.fp32_precision) for owner in owners)]


def _list_cpu_owners() -> list[Any]:
    """oneDNN's switches, by which a CPU may take bf16 for fp32."""
    mkldnn: Any = torch.backends.mkldnn
    found = [getattr(mkldnn, name, None) for name in ("matmul", "conv", "rnn")]
    return [owner for owner in found if hasattr(owner, NEWER)]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch had too little memory, of a GPU or of the machine."""
    return isinstance(error, torch.OutOfMemoryError) or NO_MEMORY.search(str(error)) is not None


def compute_in_parts(compute: Callable[[slice], Part], count: int, size: int) -> Iterator[Part]:
    """What comes of so many images at a time, in order; a part that does not fit is halved, and so are all that follow.

    :param compute: places of images -> what comes of them.
    :param count: of all images.
    :param size: of the first part.
    :raises MemoryError: not even one image fits.
    """
    start = 0
    while start < count:
        part = slice(start, min(start + size, count))
        try:
            found = [compute(part)]
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            found = []
        if found:
            yield found[0]
            start = part.stop
        elif part.stop - start == 1:
            raise MemoryError("not even one image fits")
        else:
            size = (part.stop - start) // 2
            LOG.warning("out of memory: %d images at a time from now on", size)
            torch.cuda.empty_cache()


def release_memory(device: torch.device) -> None:
    """Give back what a finished stage has left on a GPU, so that others that share it can have it."""
    if device.type == "cpu":
        return
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
