"""DeepFool finds what foolbox's finds."""

from __future__ import annotations

import foolbox
import pytest

from tests.support.foolbox_peers import check_same_sizes

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("norm", "peer"), [("l2", foolbox.attacks.L2DeepFoolAttack()), ("linf", foolbox.attacks.LinfDeepFoolAttack())]
)
def test_the_same_settings_find_what_foolbox_finds(norm: str, peer: foolbox.attacks.base.Attack) -> None:
    check_same_sizes(peer, name="deepfool", norm=norm)
