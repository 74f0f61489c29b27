"""How long a driver waits for the head of its cluster."""

from __future__ import annotations

import pytest

from orchestrator.cluster import head_watch
from tasks.errors import UsageError


@pytest.mark.parametrize("text", ["soon", "0", "-3", "nan", "60"])
def test_the_patience_with_a_head_is_bounded(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(head_watch.TIMEOUT_VARIABLE, text)
    with pytest.raises(UsageError, match="is not a number of seconds up to 50"):
        head_watch.get_head_timeout()
