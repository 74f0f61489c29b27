"""A stage loads the part of its data that it needs, and a model where its pixels are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.data.images import Images
from tasks.stages import context as contexts
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
