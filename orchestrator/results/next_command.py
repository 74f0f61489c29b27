"""Commands that are named to people, such that they can be copied."""

from __future__ import annotations

import os
import shlex

from orchestrator.options import DEFAULT_STORAGE, STORAGE_VARIABLE
from orchestrator.store.sweep_store import SweepStore
from tasks.storage.storage import open_storage


def name_command(words: str, sweep: SweepStore) -> str:
    """`advsweep WORDS SWEEP`, with the storage where the command would look into another one.

    :param words: such as `results` or `wandb sync`.
    """
    usual = open_storage(os.environ.get(STORAGE_VARIABLE) or DEFAULT_STORAGE)
    where = "" if usual.uri == sweep.storage.uri else f" --storage {shlex.quote(sweep.storage.uri)}"
    return f"advsweep {words} {sweep.sweep_id}{where}"
