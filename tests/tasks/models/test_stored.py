"""Models out of the store: what does not fit is named, and a plugin's code is held against what it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from tasks.errors import CorruptArtifactError, UsageError
from tasks.models import stored
from tasks.models.build import Description, build_model
from tasks.models.settings import ModelSettings
from tasks.models.stored import load_stored_model
from tasks.registry import Registry
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tests.support.stage_records import make_stage_record

KEY = "a" * 64
DESCRIPTION = Description.of(ModelSettings(name="resnet8", mean=0.25, std=0.5), 1, 4)


@pytest.fixture(scope="module")
def weights() -> Iterator[dict[str, torch.Tensor]]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        yield build_model(DESCRIPTION).state_dict()


def publish(folder: Path, content: bytes, **fields: Any) -> StageStore:
    """A store with one stage whose model is this."""
    store = StageStore(open_storage(folder))
    draft = store.make_draft()
    (draft / "model.safetensors").write_bytes(content)
    store.publish(KEY, draft, {**make_stage_record(), "model": DESCRIPTION.to_json(), **fields})
    return store


def pack(tensors: Mapping[str, torch.Tensor]) -> bytes:
    return bytes(safetensors.torch.save({name: value.contiguous() for name, value in tensors.items()}))


def test_a_model_is_built_with_its_weights_and_description(tmp_path: Path, weights: dict[str, torch.Tensor]) -> None:
    found = load_stored_model(publish(tmp_path, pack(weights)), KEY)
    assert found.description == DESCRIPTION
    assert found.record["key"] == KEY
    assert found.content == pack(weights)
    assert all(torch.equal(value, weights[name]) for name, value in found.model.state_dict().items())


def test_what_does_not_fit_is_named(tmp_path: Path, weights: dict[str, torch.Tensor]) -> None:
    few = {name: value for name, value in weights.items() if name != "mean"}
    undescribed = f"stage {KEY[:12]}: stage.json does not describe model.safetensors: "
    wider = DESCRIPTION.to_json() | {"classes": 5}
    cases: list[tuple[bytes, dict[str, Any], str]] = [
        (b"no weights", {}, f"stage {KEY[:12]}: model.safetensors holds no weights: "),
        (pack(few), {}, f"{undescribed}Error(s) in loading state_dict for NormalizedModel:"),
        (pack(weights), {"model": wider}, f"{undescribed}Error(s) in loading state_dict"),
        (pack(weights), {"model": {"name": "resnet8"}}, f"{undescribed}Description.__init__() missing"),
        (
            pack(weights),
            {"model": DESCRIPTION.to_json() | {"name": "resnet9"}},
            f"{undescribed}'resnet9': unknown model",
        ),
        (pack(weights), {"model": DESCRIPTION.to_json() | {"pruned": 3, "shapes": [1]}}, undescribed),
    ]
    for number, (content, fields, message) in enumerate(cases):
        store = publish(tmp_path / str(number), content, **fields)
        with pytest.raises(CorruptArtifactError, match=f"^{re.escape(message)}") as caught:
            load_stored_model(store, KEY)
        assert "\n" not in str(caught.value)


def test_the_code_of_a_plugin_is_held_against_what_it_was(
    tmp_path: Path, weights: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {"a.py": "1", "b.py": "2", "c.py": "3"}
    store = publish(tmp_path, pack(weights), model_settings={"name": "resnet8", "code": kept})
    with pytest.raises(
        UsageError, match=r"a{12}: its model 'resnet8' is of a plugin: give --plugin with a\.py, b\.py, c"
    ):
        load_stored_model(store, KEY)
    monkeypatch.setattr(Registry, "find_origin", lambda _, name: f"origin of {name}")
    now = {"origin of resnet8": {"a.py": "1", "b.py": "other", "d.py": "4"}}
    monkeypatch.setattr(stored, "hash_code", lambda origin: now[origin])
    with pytest.raises(UsageError) as caught:
        load_stored_model(store, KEY)
    assert str(caught.value) == (
        f"stage {KEY[:12]}: the code of its model 'resnet8' has changed since: b.py, c.py, d.py; "
        "give --plugin with the file as it was, or launch again"
    )
    now["origin of resnet8"] = dict(kept)
    assert load_stored_model(store, KEY).description == DESCRIPTION
