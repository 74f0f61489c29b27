"""The golden keys: artifacts of earlier releases stay valid while these stand."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import CONFIG
from tests.support.keys import compute_keys

GOLDEN = Path(__file__).parent / "golden_keys.json"


def test_golden_keys() -> None:
    """Old artifacts stay valid only while these stand: a change here needs a raised stage version, and a reason."""
    assert compute_keys(CONFIG) == json.loads(GOLDEN.read_text())
