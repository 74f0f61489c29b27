"""Why a cluster could not be joined, in one line."""

from __future__ import annotations

import pytest

from orchestrator.cluster.connect import TOKEN_HINT, explain_joining_problem


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionError("refused\nat line 3"), "refused"),
        (RuntimeError("It failed:\ntraceback\nValueError: versions differ"), "It failed: ValueError: versions differ"),
        (ValueError("  \n"), "ValueError"),
    ],
)
def test_the_reason_is_the_first_line_or_what_it_announces(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    assert explain_joining_problem(error) == f"no Ray cluster could be joined there: {reason}; {TOKEN_HINT}"
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert explain_joining_problem(error) == f"no Ray cluster could be joined there: {reason}"
