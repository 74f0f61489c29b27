"""A few mutations, others every day: a test that came to hold nothing is noticed within weeks."""

from __future__ import annotations

import random
from datetime import date

import pytest

from tests.mutation.catalog import load_mutations, read_noticed
from tests.mutation.run import run_mutations

SAMPLE = 10


@pytest.mark.slow
def test_todays_sample_is_killed() -> None:
    noticed = read_noticed()
    known = [mutation for mutation in load_mutations() if mutation.quick and mutation.why in noticed]
    chosen = random.Random(date.today().toordinal()).sample(known, SAMPLE)
    found = list(run_mutations(chosen, baseline=False))
    assert len(found) == SAMPLE
    assert [(one.mutation.why, one.problem) for one in found if not one.is_killed] == []
