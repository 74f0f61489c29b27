"""First weights: of a file or of torchvision, and what does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from tasks.errors import StageError
from tasks.models.build import Description, build_model
from tasks.models.settings import ModelSettings
from tasks.models.weights import load_initial_weights
from tests.support.small import context, run, stages_of, trial, weights


def saved(folder: Path, suffix: str, classes: int = 7, wrapped: bool = False) -> Path:
    """A file with the weights of a fresh network."""
    torch.manual_seed(5)
    state = build_model(Description.of(ModelSettings(name="resnet8"), 3, classes)).network.state_dict()
    state = {name: value.contiguous() for name, value in state.items()}
    file = folder / f"weights{suffix}"
    if suffix == ".safetensors":
        safetensors.torch.save_file(state, file)
    else:
        torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}} if wrapped else state, file)
    return file


def loaded(file: Path, classes: int = 10, **fields: Any) -> nn.Module:
    settings = ModelSettings.model_validate({"name": "resnet8", "weights": str(file), **fields})
    torch.manual_seed(9)
    model = build_model(Description.of(settings, 3, classes))
    load_initial_weights(model.network, settings)
    return model.network


@pytest.mark.parametrize(("suffix", "wrapped"), [(".safetensors", False), (".pth", False), (".pth", True)])
def test_weights_of_a_file_and_a_new_last_layer(tmp_path: Path, suffix: str, wrapped: bool) -> None:
    file = saved(tmp_path, suffix, wrapped=wrapped)
    torch.manual_seed(5)
    original = build_model(Description.of(ModelSettings(name="resnet8"), 3, 7)).network
    network = loaded(file)
    assert torch.equal(network.get_parameter("conv1.weight"), original.get_parameter("conv1.weight"))
    assert network.get_parameter("fc.weight").shape == (10, 32)
    kept = loaded(file, classes=7)
    assert torch.equal(kept.get_parameter("fc.weight"), original.get_parameter("fc.weight"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda state: {"layer1.2.conv1.weight": state["conv1.weight"].clone()},
            r"not in the network, such as layer1\.2\.conv1",
        ),
        (
            lambda state: {"conv1.weight": state["conv1.weight"].repeat(1, 1, 2, 2)},
            r"conv1\.weight is \[8, 3, 6, 6\] instead of \[8, 3, 3, 3\]",
        ),
    ],
    ids=["of more layers", "of another shape"],
)
def test_weights_of_another_network_say_what_differs(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]], message: str
) -> None:
    file = saved(tmp_path, ".safetensors")
    state = safetensors.torch.load_file(file)
    safetensors.torch.save_file(state | change(state), file)
    with pytest.raises(StageError, match=message):
        loaded(file)


def test_files_that_hold_no_weights_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.pth"
    text.write_text("not weights")
    cut = saved(tmp_path, ".safetensors")
    cut.write_bytes(cut.read_bytes()[:1000])
    code = tmp_path / "code.pth"
    torch.save({"weights": pytest.raises}, code)
    empty, nameless = tmp_path / "empty.pth", tmp_path / "nameless.pth"
    torch.save({}, empty)
    torch.save({"state_dict": {"epoch": 3}}, nameless)
    for file, message in (
        (text, "notes.pth holds more than weights, and is refused"),
        (cut, "holds no weights: "),
        (code, "code.pth holds more than weights"),
        (empty, "empty.pth holds no weights by name"),
        (nameless, "nameless.pth holds no weights by name"),
    ):
        with pytest.raises(StageError, match=message):
            loaded(file)


def test_a_weights_file_that_changed_after_the_plan_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, ".safetensors")
    settings = ModelSettings.model_validate({"name": "resnet8", "weights": str(file)})
    saved(tmp_path, ".safetensors", classes=8)
    with pytest.raises(StageError, match="not the file that the plan was made with"):
        load_initial_weights(build_model(Description.of(settings, 3, 10)).network, settings)


def test_offline_imagenet_weights_say_what_to_put_where(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import _api

    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(_api, "load_state_dict_from_url", offline)
    settings = ModelSettings.model_validate({"name": "resnet18", "stem": "imagenet", "weights": "imagenet"})
    with pytest.raises(StageError, match=r"no network.*put https://.*resnet18.*\.pth into .*checkpoints"):
        load_initial_weights(build_model(Description.of(settings, 3, 10)).network, settings)


@pytest.mark.slow
def test_a_trial_starts_from_the_weights_of_a_file(tmp_path: Path) -> None:
    at = context(tmp_path)
    run(trial(), at)
    (first, *_) = stages_of(trial())
    file = tmp_path / "stages" / first.key / "model.safetensors"
    again = run(trial(model={"name": "resnet8", "weights": str(file)}, train=None), at)
    before, after = weights(run(trial(), at)[0], at), weights(again[0], at)
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_the_content_of_a_weights_file_is_in_the_key_and_its_path_is_not(tmp_path: Path) -> None:
    first, second = (tmp_path / name for name in ("one", "two"))
    for folder in (first, second):
        folder.mkdir()
    files = [saved(first, ".safetensors"), saved(second, ".safetensors"), saved(first, ".pth", classes=8)]
    keys = [stages_of(trial(model={"name": "resnet8", "weights": str(file)}))[0].key for file in files]
    assert keys[0] == keys[1] != keys[2]


def test_a_relative_path_is_found_from_wherever_a_worker_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(tmp_path, ".safetensors")
    monkeypatch.chdir(tmp_path)
    settings = ModelSettings.model_validate({"name": "resnet8", "weights": file.name})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert settings.weights is not None
    assert settings.weights.file == file
    load_initial_weights(build_model(Description.of(settings, 3, 7)).network, settings)


def test_weights_of_densenet_have_the_names_of_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that torchvision offers were written when `norm1` was called `norm.1`."""
    from torchvision.models import _api

    settings = ModelSettings.model_validate({"name": "densenet121", "stem": "imagenet", "weights": "imagenet"})
    network = build_model(Description.of(settings, 3, 1000)).network
    names = {key: re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", key) for key in network.state_dict()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in names.values()
    state = {names[key]: value + 1 for key, value in network.state_dict().items()}
    monkeypatch.setattr(_api.WeightsEnum, "get_state_dict", lambda *_, **__: state)
    load_initial_weights(network, settings)
    weight = network.state_dict()["features.denseblock1.denselayer1.norm1.weight"]
    assert torch.equal(weight, torch.full((64,), 2.0))
