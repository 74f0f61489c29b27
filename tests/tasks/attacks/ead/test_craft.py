"""EAD finds what foolbox's finds; by the L1 rule it finds less, which its closed-form test holds."""

from __future__ import annotations

from typing import Any

import foolbox
import pytest

from tests.support.foolbox_peers import SEARCH, check_same_sizes

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("rule", [{}, {"confidence": 0.5}])
def test_the_same_settings_find_what_foolbox_finds(rule: dict[str, Any]) -> None:
    check_same_sizes(foolbox.attacks.EADAttack(abort_early=False, **rule, **SEARCH), name="ead", **rule, **SEARCH)
