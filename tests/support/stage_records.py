"""Records of stages that nobody has run."""

from __future__ import annotations

from typing import Any

TIME = "2026-01-01T00:00:00+00:00"


def make_stage_record(**changes: Any) -> dict[str, Any]:
    """What a training stage hands to `StageStore.publish`."""
    identity = {"kind": "train", "version": 1, "seed": 0, "dataset": {"name": "digits"}, "data": "0" * 64}
    identity |= {"model": {"name": "resnet8"}, "settings": {"epochs": 1}, "upstream": {}}
    made = {"model_settings": {"name": "resnet8"}, "sweep_id": "s", "device": "cpu", "versions": {}, "metrics": {}}
    return identity | made | {"seconds": 1.0, "started_at": TIME, "finished_at": TIME} | changes
