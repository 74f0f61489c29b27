"""A stage loads the part of its data that it needs, and a model where its pixels are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.data.images import Images
from tasks.stages import context as contexts
from tasks.stages.context import load_initial_model
from tasks.stages.run import run_chain
from tests.support.small import SGD, context, stages_of, trial

HELD_OUT = {"name": "digits", "train_examples": 100, "split": {"validation": 0.2}}


def test_a_stage_copies_only_the_parts_that_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[tuple[str, int]] = []
    kind = "none"
    to = Images.to

    def note(images: Images, device: torch.device) -> Images:
        copied.append((kind, len(images)))
        return to(images, device)

    monkeypatch.setattr(Images, "to", note)
    contexts._load_on_device.cache_clear()
    chain = stages_of(trial(dataset=HELD_OUT, train={"epochs": 1, "optimizer": SGD}, prune={"ratio": 0.5}))
    at = context(tmp_path)
    for stage in chain:
        kind = stage.kind
        run_chain([stage], at)
    sizes: dict[str, Any] = {
        name: {count for at, count in copied if at == name} for name in ("train", "prune", "attack")
    }
    assert sizes == {"train": {80, 20}, "prune": set(), "attack": {359}}


def test_initial_weights_follow_from_the_seed_and_leave_the_random_numbers_of_the_process(tmp_path: Path) -> None:
    at = context(tmp_path)

    def draw_weights(seed: int) -> torch.Tensor:
        _, model = load_initial_model(stages_of(trial(seed=seed))[0], at)
        return model.network.get_parameter("conv1.weight")

    torch.manual_seed(5)
    first = draw_weights(0)
    after = torch.rand(3)
    again, other = draw_weights(0), draw_weights(1)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(3))
