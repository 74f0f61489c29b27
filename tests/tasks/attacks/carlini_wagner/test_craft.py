"""Carlini and Wagner's attack finds what foolbox's finds; its early end costs little."""

from __future__ import annotations

import foolbox
import pytest

from tasks.attacks.engine.norms import measure_sizes
from tests.support.attack_models import count_passes, craft, job_of, network, network_images, settings
from tests.support.foolbox_peers import SEARCH, check_same_sizes

pytestmark = pytest.mark.slow


def test_the_same_settings_find_what_foolbox_finds() -> None:
    check_same_sizes(
        foolbox.attacks.L2CarliniWagnerAttack(abort_early=False, **SEARCH), name="carlini_wagner", **SEARCH
    )


def test_an_early_end_costs_little_and_asks_less() -> None:
    model, images = network(), network_images(network(), 8)
    found = {}
    for abort_early in (False, True):
        cell = settings(name="carlini_wagner", steps=60, binary_search_steps=4, abort_early=abort_early)
        job, asked = count_passes(job_of(model, images, (1,)))
        found[abort_early] = (measure_sizes(craft(job, cell) - job.clean)["l2"].median(), asked["forward"])
    assert found[True][1] < 0.8 * found[False][1]
    assert found[True][0] <= 1.1 * found[False][0]
