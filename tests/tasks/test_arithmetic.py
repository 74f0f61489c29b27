"""Judges compute in true fp32, whatever torch's switches say, and these are put back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from tasks.arithmetic import compute_in_parts, is_out_of_memory, release_memory, use_tf32
from tasks.evaluation.evaluate import evaluate
from tests.support.attack_models import Linear, linear_images, settings
from tests.support.small import SGD, context, run, trial

NEWER = hasattr(torch.backends.cuda.matmul, "fp32_precision")


@pytest.fixture
def everything_rough() -> Iterator[None]:
    """TF32 allowed wherever it can be, by a global switch and by each of its own."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = torch.get_float32_matmul_precision(), cudnn.allow_tf32
    torch.set_float32_matmul_precision("high")
    cudnn.allow_tf32 = True
    yield
    torch.set_float32_matmul_precision(before[0])
    cudnn.allow_tf32 = before[1]
    assert matmul.allow_tf32 is False


def read_switches() -> set[bool]:
    """Whether TF32 is allowed, by every view that torch has of it."""
    found = {torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32}
    if NEWER:
        cudnn: Any = torch.backends.cudnn
        owners = (torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn)
        found |= {owner.fp32_precision == "tf32" for owner in owners}
    return found


@pytest.mark.usefixtures("everything_rough")
def test_the_switches_are_set_and_put_back() -> None:
    with use_tf32(False):
        assert read_switches() == {False}
        with use_tf32(True):
            assert read_switches() == {True}
        assert read_switches() == {False}
    assert read_switches() == {True}
    with pytest.raises(KeyError), use_tf32(False):
        raise KeyError
    assert read_switches() == {True}, "after an error too"


@pytest.mark.skipif(not NEWER, reason="this torch has one switch for all")
def test_the_switch_above_all_others_does_not_reach_a_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    backends: Any = torch.backends
    monkeypatch.setattr(backends, "fp32_precision", "tf32")
    with use_tf32(False):
        assert read_switches() == {False}


class Watching(Linear):
    """Notes which switches are on when it is asked."""

    seen: ClassVar[set[bool]] = set()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.seen.update(read_switches())
        return super().forward(pixels)


@pytest.mark.usefixtures("everything_rough")
def test_a_verdict_is_computed_without_tf32() -> None:
    Watching.seen.clear()
    evaluate(Watching(), linear_images(), [settings(name="fgsm", eps=0.1)], 0, 0.5)
    assert Watching.seen == {False}


@pytest.mark.usefixtures("everything_rough")
@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_training_steps_use_tf32_only_where_the_settings_say_so(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Convolutions tell: a network in training mode takes steps, one in evaluation mode is validated or judged."""
    seen: dict[bool, set[bool]] = {True: set(), False: set()}
    norm = nn.BatchNorm2d.forward

    def watch(module: nn.BatchNorm2d, pixels: torch.Tensor) -> torch.Tensor:
        seen[module.training].update(read_switches())
        return norm(module, pixels)

    monkeypatch.setattr(nn.BatchNorm2d, "forward", watch)
    held_out = {"name": "digits", "train_examples": 100, "split": {"validation": 0.2}}
    run(
        trial(dataset=held_out, train={"epochs": 1, "batch_size": 50, "optimizer": SGD, "precision": precision}),
        context(tmp_path),
    )
    assert seen == {True: {precision == "tf32"}, False: {False}}


def test_what_torch_says_where_memory_is_short() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
    assert is_out_of_memory(RuntimeError("CUDA error: out of memory"))
    assert is_out_of_memory(RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"))
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))


def test_a_part_that_does_not_fit_is_halved_and_nothing_is_left_out_or_done_twice() -> None:
    asked: list[slice] = []

    def compute(part: slice) -> list[int]:
        asked.append(part)
        if part.stop - part.start > 2:
            raise torch.OutOfMemoryError
        return list(range(part.start, part.stop))

    assert list(compute_in_parts(compute, 7, 5)) == [[0, 1], [2, 3], [4, 5], [6]]
    assert [part.stop - part.start for part in asked] == [5, 2, 2, 2, 1], "and so are all that follow"
    assert list(compute_in_parts(compute, 0, 5)) == []


def test_what_no_half_mends_is_raised() -> None:
    def refuse(error: Exception) -> Any:
        def compute(_: slice) -> None:
            raise error

        return compute

    with pytest.raises(MemoryError, match="not even one image fits"):
        list(compute_in_parts(refuse(torch.OutOfMemoryError()), 3, 2))
    with pytest.raises(RuntimeError, match="shapes"):
        list(compute_in_parts(refuse(RuntimeError("shapes do not fit")), 3, 2))


def test_memory_of_a_gpu_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append("emptied"))
    release_memory(torch.device("cpu"))
    assert calls == []
    release_memory(torch.device("cuda"))
    assert calls == ["emptied"]
