"""On which device a process computes: said by whoever starts it, never found out by a stage.

This module imports nothing heavy: what it sets must stand before torch first looks for a GPU.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from tasks.errors import UsageError

GPU_DEVICE = "ADVSWEEP_GPU_DEVICE"
"""Environment variable: torch's name of the device that a GPU is, where that is not CUDA (ROCm's is CUDA too)."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
EXACT = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
"""What cuBLAS needs to give the same sums in every run; read when CUDA starts."""

USABLE = 0.95
"""Of a GPU's memory, what its shares divide: each process holds a part for CUDA itself."""


def get_gpu_device() -> str:
    """What torch calls a GPU here."""
    return os.environ.get(GPU_DEVICE) or "cuda"


def claim_devices(gpus: Sequence[str | int]) -> str:
    """Let this process see the GPUs that it was given and no other, before torch looks for any.

    :param gpus: the ids of those that Ray gave it; none: it computes on the CPU, whatever the machine has.
    :returns: torch's name of the device that it computes on.
    """
    os.environ[VISIBLE] = ",".join(map(str, gpus))
    for name, value in EXACT.items():
        os.environ.setdefault(name, value)
    return get_gpu_device() if gpus else "cpu"


def limit_memory(device: str, share: float) -> None:
    """Let this process have no more of a GPU's memory than its share, so that it cannot take a neighbour's.

    :param share: of one GPU, in (0, 1].
    """
    if share < 1 and device.partition(":")[0] == "cuda":
        import torch

        torch.cuda.set_per_process_memory_fraction(share * USABLE)


def check_device(device: str) -> None:
    """Whether torch can compute on the device.

    :raises UsageError: it is CUDA, and torch finds none.
    """
    if device.partition(":")[0] != "cuda":
        return
    import torch

    if not torch.cuda.is_available():
        seen = f"{VISIBLE}={os.environ[VISIBLE]!r}" if VISIBLE in os.environ else f"{VISIBLE} is not set"
        raise UsageError(
            f"torch {torch.__version__} finds no CUDA device ({seen}): install a build of torch for this driver, or "
            "give --device cpu"
        )


def choose_device(asked: str) -> str:
    """The device of a process that nobody has given one.

    :param asked: `cpu`, `cuda`, or `auto`: a GPU where torch finds one.
    :raises UsageError: CUDA was asked for, and torch finds none.
    """
    for name, value in EXACT.items():
        os.environ.setdefault(name, value)
    if asked != "auto":
        check_device(asked)
        return asked
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
