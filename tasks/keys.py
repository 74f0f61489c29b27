"""Content keys: the sha256 of canonical JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def format_canonical_json(content: Any) -> str:
    """JSON with sorted keys and no spaces; floats in their shortest exact form."""
    return _ENCODER.encode(content)


def hash_json(content: Any) -> str:
    """64 hex digits that depend on the content alone."""
    return hash_text(format_canonical_json(content))


def hash_text(text: str) -> str:
    """The digest of content that is canonical JSON already."""
    return hashlib.sha256(text.encode()).hexdigest()


def format_mapping(parts: Mapping[str, str]) -> str:
    """Canonical JSON of a mapping from plain names to canonical JSON.

    A grid has many trials and few distinct sections: each section is written once and put together often.
    """
    return "{" + ",".join([f'"{name}":{parts[name]}' for name in sorted(parts)]) + "}"
