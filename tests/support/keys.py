"""Stage keys of CONFIG, and of CONFIG with one setting changed."""

from __future__ import annotations

import json
from typing import Any

from tasks.trial.chain import build_chain
from tasks.trial.trial import Trial, simplify_trial
from tests.conftest import CONFIG

DATA = "0" * 64


def compute_keys(config: dict[str, Any], data: str = DATA) -> dict[str, str]:
    """Kind of stage -> its key, in the order of the chain."""
    trial = simplify_trial(Trial.model_validate(config))
    return {stage.kind: stage.key for stage in build_chain(trial, data)}


def changed(path: str, value: Any) -> dict[str, Any]:
    """CONFIG with another value at a dotted path."""
    config: dict[str, Any] = json.loads(json.dumps(CONFIG))
    *sections, name = path.split(".")
    node = config
    for section in sections:
        node = node.setdefault(section, {})
    node[name] = value
    return config
