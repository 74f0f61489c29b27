"""Chains on the CPU and on the pretended GPU, side by side: a line of JSON for each.

A process of its own (`python -m tests.support.gpu_comparison`), since a process has one such backend until it ends.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tasks.trial.trial import Trial
from tests.support import gpu_cases, pretended_gpu, small


def measure(name: str, trial: Trial, folder: Path) -> dict[str, Any]:
    """Run a trial on both devices; what differs, and where the host waited for the device."""
    (folder / "cpu").mkdir(parents=True)
    (folder / "gpu").mkdir()
    at = small.context(folder / "cpu")
    on_host = small.run(trial, at)
    pretended_gpu.WAITS.clear()
    try:
        on_device = small.run(trial, replace(small.context(folder / "gpu"), device=pretended_gpu.NAME))
    except Exception as error:  # the test says which case failed, and why
        return {"case": name, "error": f"{type(error).__name__}: {error}"}
    different = [
        record["kind"]
        for record, other in zip(on_host, on_device, strict=True)
        if round_metrics(record) != round_metrics(other)
    ]
    waits = [[what, where, count] for (what, where), count in sorted(pretended_gpu.WAITS.items())]
    return {"case": name, "error": None, "different": different, "waits": waits}


def round_metrics(record: dict[str, Any]) -> dict[str, Any]:
    """What a stage found, without times, to six digits: sums may be taken in another order."""
    rounded = json.loads(json.dumps(record["metrics"]), parse_float=lambda text: round(float(text), 6))
    return {name: value for name, value in rounded.items() if not name.endswith("_ms") and "seconds" not in name}


def resume_elsewhere(folder: Path) -> dict[str, Any]:
    """Half of a training on one device, the rest on the other, both ways; what each ends with."""
    trial = small.trial(train=gpu_cases.EPOCH)
    losses = []
    for first, second in (("cpu", "cpu"), ("cpu", pretended_gpu.NAME), (pretended_gpu.NAME, "cpu")):
        place = folder / f"{first}-{second}"
        place.mkdir()
        stop = replace(small.context(place), device=first, on_epoch=_stop_after_one)
        with contextlib.suppress(KeyboardInterrupt):
            small.run(trial, stop)
        record = small.run(trial, replace(small.context(place), device=second))[0]
        losses.append([record["resumed_from"], round_metrics(record)])
    return {"case": "resumed on the other device", "error": None, "ends": losses}


def _stop_after_one(stage: Any, epoch: int) -> None:  # noqa: ARG001
    if epoch == 1:
        raise KeyboardInterrupt


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, trial) in enumerate(gpu_cases.list_cases()):
            print(json.dumps(measure(name, trial, Path(folder) / str(number))), flush=True)  # noqa: T201
        print(json.dumps(resume_elsewhere(Path(folder))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
