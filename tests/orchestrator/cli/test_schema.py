"""`advsweep schema`."""

from __future__ import annotations

import json

from orchestrator.space.json_schema import build_schema
from tests.support.command_line import run_here


def test_it_prints_the_schema() -> None:
    assert json.loads(run_here("schema").stdout) == build_schema()
