"""Content keys: the sha256 of canonical JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def canonical_json(content: Any) -> str:
    """JSON with sorted keys and no spaces; floats in their shortest exact form."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def digest(content: Any) -> str:
    """64 hex digits that depend on the content alone."""
    return text_digest(canonical_json(content))


def text_digest(text: str) -> str:
    """The digest of content that is canonical JSON already."""
    return hashlib.sha256(text.encode()).hexdigest()


def mapping_text(parts: Mapping[str, str]) -> str:
    """Canonical JSON of a mapping from plain names to canonical JSON.

    A grid has many trials and few distinct sections: each section is written once and put together often.
    """
    return "{" + ",".join([f'"{name}":{parts[name]}' for name in sorted(parts)]) + "}"
