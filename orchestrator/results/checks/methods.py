"""The settings of the attack behind a row."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from tasks.attacks.base import MethodSettings
from tasks.attacks.registry import find_attack


def read_method(content: Any) -> MethodSettings | None:
    """The settings of an attack as a configuration has them; null where it is not registered, or is another by now."""
    found = find_attack(content.get("name")) if isinstance(content, dict) else None
    if found is None:
        return None
    try:
        return found.model_validate({name: content[name] for name in found.model_fields if name in content})
    except ValidationError:
        return None
