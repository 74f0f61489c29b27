"""The name of everything that is written: one place, so that nothing is ever looked for elsewhere."""

import re

STAGES = "stages"
"""<storage>/stages/<key>/: one folder per finished stage."""
CHECKPOINTS = "checkpoints"
"""<storage>/checkpoints/<key>.safetensors: a stage in progress, gone when it is finished."""
SWEEPS = "sweeps"
"""<storage>/sweeps/<sweep_id>/: what belongs to one sweep."""
MARKER = ".advsweep"
"""<storage>/.advsweep: marks a storage; where it is missing later, the disk or the network share is away."""
BUSY = "busy"
"""<storage>/busy/: signs of life of launches that begin and of removals, where the file system has no locks."""
CORRUPT = "corrupt"
"""<storage>/corrupt/<key>-<time>/: artifacts whose bytes are not those that were published, set aside."""

STAGE_RECORD = "stage.json"
MODEL = "model.safetensors"
HISTORY = "history.parquet"
EXAMPLES = "examples.parquet"
PREVIEW = "preview.safetensors"
"""A few attacked images; stages of earlier releases have none."""

SPACE = "space.yaml"
PLAN = "plan.json"
TRIALS = "trials"
LOGS = "logs"
EXECUTIONS = "executions"
DRIVERS = "drivers"
"""A sign of life of every driver of the sweep."""
FAULTS = "faults"
WANDB = "wandb"
REPORT = "report"


_KEY = r"[0-9a-f]{64}"
OURS = {
    STAGES: re.compile(rf"{_KEY}|\.{_KEY}\..+\.tmp"),
    CHECKPOINTS: re.compile(rf"{_KEY}\.safetensors|\.{_KEY}\..+\.tmp"),
    CORRUPT: re.compile(rf"{_KEY}-.+"),
}
"""Folder -> the names that are given there. `checkpoints` is what others call their folders too: nothing else goes."""
SWEEP_ID = re.compile(r"[a-z0-9_-]+-[0-9a-f]{10}")


def is_temporary(name: str) -> bool:
    """Whether a name belongs to something that is still being written."""
    return name.startswith(".")


def make_temporary_name(name: str, unique: str) -> str:
    """The name under which something is written before it is renamed."""
    return f".{name}.{unique}.tmp"
