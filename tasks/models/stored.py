"""Models out of the stage store. What a stranger has put there runs no code: it is plain data, or it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import safetensors.torch
from safetensors import SafetensorError

from tasks.errors import CorruptArtifactError, UsageError
from tasks.models.build import Description, NormalizedModel, build_with_weights
from tasks.models.registry import ARCHITECTURES
from tasks.paths import MODEL, STAGE_RECORD
from tasks.plugins.source import hash_code
from tasks.settings import CODE
from tasks.storage.stage_store import StageStore


@dataclass(frozen=True)
class StoredModel:
    """The model of a finished stage."""

    record: dict[str, Any]
    description: Description
    model: NormalizedModel
    content: bytes
    """Its weights, as safetensors."""


def load_stored_model(store: StageStore, key: str) -> StoredModel:
    """The model that a stage published.

    :raises FileNotFoundError: the stage is not in the store.
    :raises CorruptArtifactError: its files have changed, hold no weights, or do not fit each other; which is named.
    :raises UsageError: its architecture is of a plugin that is not loaded, or whose code has changed since.
    """
    record, content = store.read_model(key)
    _check_code(key, record)
    try:
        weights = safetensors.torch.load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CorruptArtifactError(f"stage {key[:12]}: {MODEL} holds no weights: {error}") from error
    try:
        description = Description(**record["model"])
        model = build_with_weights(description, weights)
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError, UsageError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise CorruptArtifactError(f"stage {key[:12]}: {STAGE_RECORD} does not describe {MODEL}: {reason}") from error
    return StoredModel(record, description, model, content)


def _check_code(key: str, record: dict[str, Any]) -> None:
    """:raises UsageError: the architecture is of a plugin, and its code is not here, or is other than it was."""
    kept = (record.get("model_settings") or {}).get(CODE)
    name = str((record.get("model") or {}).get("name"))
    if not kept:
        return
    origin = ARCHITECTURES.find_origin(name)
    if origin is None:
        raise UsageError(f"stage {key[:12]}: its model {name!r} is of a plugin: give --plugin with {', '.join(kept)}")
    now = hash_code(origin)
    changed = sorted(file for file in kept.keys() | now.keys() if kept.get(file) != now.get(file))
    if changed:
        raise UsageError(
            f"stage {key[:12]}: the code of its model {name!r} has changed since: {', '.join(changed)}; "
            "give --plugin with the file as it was, or launch again"
        )
