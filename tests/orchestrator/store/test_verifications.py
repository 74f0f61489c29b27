"""The sweeps that verify another are told by name and description."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.store.sweep_store import SweepStore
from orchestrator.store.verifications import describe_verification, list_verifications, name_verification
from tasks.storage.storage import open_storage


@pytest.mark.parametrize(
    ("sweep_id", "name"), [("digits-1234", "verify_digits"), ("two-words-1234", "verify_two-words"), ("x", "verify_x")]
)
def test_a_verification_has_the_name_of_the_space_without_its_key(sweep_id: str, name: str) -> None:
    assert name_verification(sweep_id) == name


def test_those_are_found_that_say_so_of_this_sweep(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    of_this, of_other = (f"description: {describe_verification(f'made-{key}')}" for key in (1, 2))
    spaces = {
        "made-1": of_this, "verify_made-8": of_this, "verify_made-7": of_this, "verify_made-9": of_other,
        "verify_made-5": "[broken", "verify_made_too-6": of_this, "verify_made-4": "seed: 0",
    }  # fmt: skip
    for sweep_id, text in spaces.items():
        storage.write(f"sweeps/{sweep_id}/space.yaml", text.encode())
    storage.write("sweeps/verify_made-3/plan.json", b"{}")
    assert list_verifications(SweepStore(storage, "made-1")) == ["verify_made-7", "verify_made-8"]
    assert list_verifications(SweepStore(storage, "made-3")) == []
