"""The sweeps that verify another are told by name and description."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.store.sweep_store import SweepStore
from orchestrator.store.verifications import describe_verification, list_verifications, name_verification
from tasks.storage.storage import open_storage
from tasks.yaml_files import format_yaml


@pytest.mark.parametrize(
    ("sweep_id", "name"), [("digits-1234", "verify_digits"), ("two-words-1234", "verify_two-words"), ("x", "verify_x")]
)
def test_a_verification_has_the_name_of_the_space_without_its_key(sweep_id: str, name: str) -> None:
    assert name_verification(sweep_id) == name


LONG = "a_" * 60


def test_those_are_found_that_say_so_of_this_sweep(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    of_this, of_other, of_long = (
        format_yaml({"seed": 0, "description": describe_verification(sweep_id), "attack": {"name": "pgd"}})
        for sweep_id in ("made-1", "made-12", f"{LONG}-1")
    )
    spaces = {
        "made-1": of_this, "verify_made-8": of_this, "verify_made-7": of_this.removeprefix("seed: 0\n"),
        "verify_made-9": of_other, "verify_made-5": "[broken", "verify_made_too-6": of_this,
        "verify_made-4": format_yaml({"seed": {"description": describe_verification("made-1")}}),
        "verify_made-2": format_yaml({"description": f"who {describe_verification('made-1')}"}),
        f"verify_{LONG}-8": of_long,
    }  # fmt: skip
    for sweep_id, text in spaces.items():
        storage.write(f"sweeps/{sweep_id}/space.yaml", text.encode())
    storage.write("sweeps/verify_made-3/plan.json", b"{}")
    (tmp_path / "sweeps/verify_made-6/space.yaml").mkdir(parents=True)
    assert list_verifications(SweepStore(storage, "made-1")) == ["verify_made-7", "verify_made-8"]
    assert list_verifications(SweepStore(storage, "made-3")) == []
    assert list_verifications(SweepStore(storage, f"{LONG}-1")) == [f"verify_{LONG}-8"]
