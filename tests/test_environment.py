"""What tests see of the user's own settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import is_setting
from tests.support.made_once import SHARED


def read_settings() -> dict[str, str]:
    """Ours: W&B itself leaves some of its own to the tests of other modules."""
    return {name: value for name, value in os.environ.items() if is_setting(name) and name.startswith("ADVSWEEP_")}


@pytest.fixture(scope="module")
def of_module() -> dict[str, str]:
    """As a fixture sees them that several tests share."""
    return read_settings()


def test_each_test_and_what_several_share_has_a_cache_of_its_own_and_nothing_of_the_users(
    of_module: dict[str, str],
) -> None:
    of_test = read_settings()
    assert of_test.keys() == of_module.keys() == {"ADVSWEEP_CACHE"}
    caches = [Path(settings["ADVSWEEP_CACHE"]) for settings in (of_test, of_module)]
    assert [cache.parent for cache in caches] == [Path(os.environ[SHARED])] * 2
    assert caches[0] != caches[1]
    assert not caches[0].exists(), "a name alone, until something is written"
