"""Content keys: the sha256 of canonical JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_json(content: Any) -> str:
    """JSON with sorted keys and no spaces; floats in their shortest exact form."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def digest(content: Any) -> str:
    """64 hex digits that depend on the content alone."""
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()
