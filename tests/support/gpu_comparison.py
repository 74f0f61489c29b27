"""Chains on the CPU and on the pretended GPU, side by side: a line of JSON for each.

A process of its own (`python -m tests.support.gpu_comparison`), since a process has one such backend until it ends.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import gpu
from tasks.attacks.autoattack import craft as autoattack
from tasks.attacks.engine import fast_model
from tasks.evaluation import probes
from tasks.stages import attack
from tasks.stages.context import Context
from tasks.stages.run import run_chain, run_stages
from tasks.training import guards
from tasks.trial.trial import Trial, simplify_trial
from tests.support import gpu_cases, pretended_gpu, small
from tests.support.short_autoattack import list_shorter_settings

BENCHMARK = "benchmark"
JUDGED = ("chain", "attack", "certificate")
"""How the names of cases begin whose model is attacked; the others end with the model, which is compared itself."""
PROBE_STEPS = 2
"""Of the attack that looks after an epoch whether a training by single steps has collapsed."""
FEWER_STEPS = {"ERASING_STEPS": 2, "WALKING_STEPS": 3}
"""Of what looks at the health of a model: the others were alike."""


def measure(name: str, trial: Trial, folder: Path) -> dict[str, Any]:
    """Run a trial on both devices; what differs, and where the host waited for the device."""
    started = time.process_time()
    stages = small.stages_of(trial)
    stages = stages if name.startswith(JUDGED) else stages[:-1]
    for device in ("cpu", "gpu"):
        (folder / device).mkdir(parents=True, exist_ok=True)
    host = small.context(folder / "cpu")
    on_host = list(run_chain(stages, host).values())
    pretended_gpu.WAITS.clear()
    epochs: list[Counter[tuple[str, str]]] = []
    at = replace(
        small.context(folder / "gpu"),
        device=pretended_gpu.NAME,
        on_epoch=lambda stage, epoch: epochs.append(pretended_gpu.WAITS.copy()),  # noqa: ARG005
    )
    try:
        on_device = list(run_chain(stages, at).values())
        more = count_more_steps(trial, at)
    except Exception as error:  # the test says which case failed, and why
        return {"case": name, "error": f"{type(error).__name__}: {error}"}
    different = [
        record["kind"]
        for record, other in zip(on_host, on_device, strict=True)
        if round_metrics(record) != round_metrics(other) or not alike(weights(record, host), weights(other, at))
    ]
    last = epochs[-1] - epochs[-2] if len(epochs) > 1 else Counter()
    found = {"case": name, "error": None, "different": different, "seconds": time.process_time() - started}
    return found | {"epoch": list_waits(last), "steps": list_waits(more)}


@contextlib.contextmanager
def probe_less(name: str) -> Iterator[None]:
    """A model whose health was looked at in other cases is only attacked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attack, "measure_inference", partial(attack.measure_inference, repeats=1))
        patch.setattr(attack, "TIMED_BATCH", gpu_cases.IMAGES)
        for constant, fewer in FEWER_STEPS.items():
            patch.setattr(probes, constant, fewer)
        patch.setattr(fast_model, "WORTH_FOLDING", math.inf)  # of both numbers of steps, or of none
        if name not in gpu_cases.PROBED:
            patch.setattr(attack, "check_health", lambda model, looked_at, images, found, *rest: [{} for _ in found])  # noqa: ARG005
        yield


def weights(record: dict[str, Any], at: Context) -> dict[str, torch.Tensor]:
    """The tensors that a stage published, if it makes a model."""
    return small.weights(record, at) if "model.safetensors" in record["files"] else {}


def alike(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    """Whether two models have the same weights, but for sums that were taken in another order."""
    return found.keys() == expected.keys() and all(
        torch.allclose(tensor, expected[name], rtol=1e-4, atol=1e-6) for name, tensor in found.items()
    )


def count_more_steps(trial: Trial, at: Context) -> Counter[tuple[str, str]]:
    """What waits an attack has beside those that were just counted if it takes twice as many steps."""
    if "steps" not in type(trial.attack.method).model_fields:
        return Counter()
    before = pretended_gpu.WAITS.copy()
    method = trial.attack.method.model_copy(update={"steps": 2 * gpu_cases.STEPS})
    longer = trial.attack.model_copy(update={"method": method})
    pretended_gpu.WAITS.clear()
    attack.run_attack(small.stages_of(simplify_trial(trial.model_copy(update={"attack": longer})))[-1:], at)
    more = pretended_gpu.WAITS - before
    return Counter({(what, where): count for (what, where), count in more.items() if where.startswith("attacks/")})


def list_waits(waits: Counter[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """What made the host wait, in which line, how often."""
    return [(what, where, count) for (what, where), count in sorted(waits.items())]


def round_metrics(record: dict[str, Any]) -> dict[str, Any]:
    """What a stage found, without times, to six digits: sums may be taken in another order."""
    rounded = json.loads(json.dumps(record["metrics"]), parse_float=lambda text: round(float(text), 6))
    return {name: value for name, value in rounded.items() if not name.endswith("_ms") and "seconds" not in name}


def resume_elsewhere(name: str, trial: Trial, place: int, folder: Path) -> dict[str, Any]:
    """Half of a training on one device, the rest on the other, both ways; what each ends with.

    :param place: of the stage that is broken off after its first epoch, in the chain.
    """
    stages, losses = small.stages_of(trial)[: place + 1], []
    for first, second in (("cpu", "cpu"), ("cpu", pretended_gpu.NAME), (pretended_gpu.NAME, "cpu")):
        at = folder / f"{name} {first}-{second}"
        at.mkdir()
        for stage in stages[:place]:
            run_stages([stage], replace(small.context(at), device=first))
        with contextlib.suppress(KeyboardInterrupt):
            run_chain(stages, replace(small.context(at), device=first, on_epoch=_stop_after_one))
        record = run_chain(stages, replace(small.context(at), device=second))[stages[place].key]
        losses.append([record["resumed_from"], round_metrics(record)])
    return {"case": name, "error": None, "ends": losses}


def _stop_after_one(stage: Any, entry: dict[str, Any]) -> None:  # noqa: ARG001
    if entry["epoch"] == 0:
        raise KeyboardInterrupt


def main(names: Sequence[str]) -> None:
    """Measure every case, or those whose names are given."""
    torch.set_num_threads(1)
    guards.PROBE_STEPS = PROBE_STEPS
    for part, shorter in list_shorter_settings(gpu_cases.STEPS, gpu_cases.TARGETS).items():
        setattr(autoattack, part, shorter)
    with tempfile.TemporaryDirectory() as folder:
        for name, trial in gpu_cases.list_cases():
            if names and name not in names:
                continue
            gc.freeze()  # a stage that leaves a GPU collects what is left over: not what was imported, again and again
            with probe_less(name):
                found = measure(name, trial, Path(folder) / "shared")  # whose stages are computed once
            _tell(found)
        if not names or set(names) & {name for name, _, _ in gpu_cases.list_resumed()}:
            for name, trial, place in gpu_cases.list_resumed():
                _tell(resume_elsewhere(name, trial, place, Path(folder)))
    if not names or BENCHMARK in names:
        _tell({"case": BENCHMARK, "said": run_benchmark()})
    gc.unfreeze()


def _tell(found: dict[str, Any]) -> None:
    print(json.dumps(found), flush=True)  # noqa: T201


def run_benchmark() -> str:
    """What the benchmark of GPUs says, of the parts that no case is like."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert gpu.main(["--toy", "--pretended", "--only", "training", "steps", "recipes"]) == 0
    return said.getvalue()


if __name__ == "__main__":
    main(sys.argv[1:])
