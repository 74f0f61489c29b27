"""Learning rates: a factor for each step."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.training.schedules import CosineSettings, MultistepSettings, OneCycleSettings, SlowStartFastDecaySettings


def factors(schedule: Any, steps: int = 100) -> list[float]:
    return [schedule.compute_factor(step, 10, steps // 10) for step in range(steps)]


def test_one_cycle_rises_and_falls_in_straight_lines() -> None:
    found = factors(OneCycleSettings(peak=0.4))
    assert found.index(max(found)) in (39, 40)
    assert found[0] == pytest.approx(0.005 / 0.4)
    assert found[-1] == pytest.approx(0.005 / 0.6)
    assert found[20] - found[19] == pytest.approx(found[30] - found[29])


def test_slow_start_rises_slowly_and_decays_fast() -> None:
    found = factors(SlowStartFastDecaySettings(start=0.1, peak=0.5, end=0.01))
    assert found[0] == pytest.approx(0.1, abs=1e-3)
    assert max(found) == pytest.approx(1, abs=0.05)
    assert found[25] < 0.4, "half of the way up, less than half of the rate"
    assert found[75] == pytest.approx(0.1, rel=0.1), "half of the way down, a tenth of the rate"
    assert found[:50] == sorted(found[:50])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (CosineSettings(), {0: 1.0, 20: 0.5, 40: 0.0}),
        (CosineSettings(warmup=0.5), {20: 1.0, 40: 0.0}),
        (MultistepSettings(milestones=(1, 3)), {9: 1.0, 10: 0.1, 29: 0.1, 30: 0.01}),
    ],
)
def test_schedules(schedule: Any, expected: dict[int, float]) -> None:
    for step, factor in expected.items():
        assert schedule.compute_factor(step, 10, 4) == pytest.approx(factor, abs=1e-9)
