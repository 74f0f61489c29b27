"""Which model of a trial is exported, and for which images, with what writes it played."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from orchestrator.results import export as exports
from orchestrator.results.export import export_trial
from tasks.data import loading
from tasks.errors import UsageError
from tasks.models import export as model_export
from tasks.storage.storage import open_storage
from tasks.transformations import export as defence_export
from tests.support import small


class Exported:
    """A trial whose last stage is an attack on the model `m`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.storage = open_storage(folder)
        self.written: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.rows = [{"attack_key": "other", "status": "finished"}, {"attack_key": "a", "status": "failed"},
                     {"attack_key": "a", "status": "finished"}]  # fmt: skip
        self.settings: dict[str, Any] = {}
        self.trial = small.trial(dataset={"name": "digits", "image_size": 12})
        stages = {"t": {"upstream": {}}, "a": {"upstream": {"model": "m"}, "settings": self.settings}}
        images = SimpleNamespace(image_shape=(1, 9, 7))
        splits = SimpleNamespace(test=images, train=SimpleNamespace(pixels=torch.full((1, 1, 2, 2), 51).byte()))
        found = (SimpleNamespace(rows=lambda: self.rows), ["t", "a"], stages)
        monkeypatch.setattr(exports, "find_trial", lambda _, name: {"trial-1": found}[name])
        monkeypatch.setattr(exports, "read_row", lambda row: self.trial if row is self.rows[-1] else None)
        monkeypatch.setattr(exports, "inspect_dataset", lambda _, __: SimpleNamespace(channels=3, classes=("x", "y")))
        monkeypatch.setattr(loading, "load_splits", lambda _, __: splits)
        monkeypatch.setattr(model_export, "export_model", self.write)

    def write(self, *words: Any, **more: Any) -> str:
        self.written.append((words, more))
        return "the folder"


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exported:
    return Exported(tmp_path, monkeypatch)


def test_the_model_under_attack_is_written_for_images_of_the_data(exported: Exported, tmp_path: Path) -> None:
    found: Any = export_trial(exported.storage, "trial-1", tmp_path / "out", None)
    assert found == "the folder"
    exported.trial = small.trial(dataset={"name": "digits"})
    export_trial(exported.storage, "trial-1", tmp_path / "out", Path("/data"))
    sizes = []
    for (store, key, folder), more in exported.written:
        assert (store.storage, key, folder) == (exported.storage, "m", tmp_path / "out")
        assert more["classes"] == ("x", "y")
        sizes.append((more["dataset"].image_size, more["size"]))
        assert more.keys() == {"dataset", "classes", "size"}
    assert sizes == [(12, (12, 12)), (None, (9, 7))]


def test_what_stands_before_a_model_goes_along(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[Any] = []

    def write(inference: Any, seed: int, channels: int, size: tuple[int, int], load: Any) -> dict[str, Any]:
        return {"defence": (inference, seed, channels, size, np.asarray(load()).max())}

    inference = {"transformations": [{"name": "bit_depth", "bits": 4}]}
    exported.trial = small.trial(dataset={"name": "digits", "channels": 1}, inference=inference, seed=5)
    exported.settings["inference"] = {"code": {"mine.py": "digest"}}
    monkeypatch.setattr(defence_export, "check_code", lambda *words: checked.append(words))
    monkeypatch.setattr(defence_export, "write_defence", write)
    monkeypatch.setattr(defence_export, "list_plugins", lambda _: ["mine"])
    monkeypatch.setattr(model_export, "list_plugin_files", lambda plugins: {"plugins": plugins})
    export_trial(exported.storage, "trial-1", tmp_path / "out", None)
    ((_, more),) = exported.written
    given = exported.trial.inference
    assert checked == [(given, {"mine.py": "digest"})]
    assert more["load"] == defence_export.LOAD
    (stood, seed, channels, size, brightest) = more["beside"].pop("defence")
    assert more["beside"] == {"plugins": ["mine"]}
    assert (stood, seed, channels, size) == (given, 5, 1, (9, 7))
    assert brightest == pytest.approx(0.2), "training images in [0, 1]"


def test_what_cannot_be_exported_is_said_and_writes_nothing(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(UsageError, match=r"^--out .*there: exists already$"):
        export_trial(exported.storage, "trial-1", tmp_path / "there", None)
    exported.rows.pop()
    with pytest.raises(UsageError, match=r"^trial trial-1 is not finished: it has no model to export"):
        export_trial(exported.storage, "trial-1", tmp_path / "out", None)
    assert not exported.written
