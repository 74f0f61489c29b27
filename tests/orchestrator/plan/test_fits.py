"""What no stage could do is refused by a plan, as one clear problem each."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
from torch import nn

from orchestrator.plan.fits import check_fits
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.space import space as spaces
from tasks.errors import ProblemsError
from tasks.models.build import Description, build_model
from tasks.models.registry import ARCHITECTURES, Architecture
from tasks.models.settings import ModelSettings
from tasks.pruning.settings import PruneSettings
from tasks.stages import rehearsal
from tests.support.command_line import list_tree, run_here

SPACE: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "model": {"name": "resnet8"},
    "train": {"epochs": 1, "optimizer": {"name": "sgd", "lr": 0.1}},
    "attack": {"name": "ifgsm", "eps": 0.1, "steps": 2, "examples": 20},
}
IFGSM = {"name": "ifgsm", "eps": 0.1, "steps": 2}
VIT, CONVNEXT, ALEXNET = {"name": "vit_tiny"}, {"name": "convnext_tiny"}, {"name": "alexnet"}
LARGE = {"name": "digits", "image_size": 16}


@pytest.fixture(autouse=True, scope="module")
def sketch_once() -> Iterator[None]:
    """A network for images of one form is asked the same by many tests, and told its size once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsal, rehearsal._sketch.__name__, functools.cache(rehearsal._sketch))
        yield


def train_by(objective: dict[str, Any]) -> dict[str, Any]:
    return {**SPACE["train"], "objective": objective}


def plan(**changes: Any) -> Plan:
    return make_plan(spaces.build("test", "test", {**SPACE, **changes}))


IBP = train_by({"name": "ibp", "eps": 0.1})
OAT = train_by({"name": "oat", "attack": IFGSM})
WIDE = {"name": "pgd", "norm": "l2", "eps": 300}
SMOOTH = train_by({"name": "smooth_adv", "attack": WIDE})
CHECKED, HELD = {**SPACE["train"], "validation_attack": WIDE}, {"name": "digits", "split": {"validation": 0.1}}
ENSEMBLE = {"name": "ensemble", "attack": IFGSM, "surrogates": [{"model": {"name": "resnet8"}}]}
OTHER = {"model": {"name": "resnet8"}, "seed": 1}
MISFITS: list[tuple[dict[str, Any], str]] = [
    ({"prune": {"ratio": 0.5, "scope": "layer9"}}, "prune.scope = 'layer9': .*; choose from all, conv1, layer1, "),
    ({"prune": {"ratio": 0.001}}, "prune.ratio = 0.001: prunes nothing: the largest layer has [0-9]+ filters in scope"),
    ({"prune": {"ratio": 0.5, "scope": "conv1", "unit": "weights", "within": "2:4"}}, "within = '2:4': .* are 1 "),
    ({"prune": {"ratio": 0.5, "mode": "remove"}, "model": VIT}, "prune.mode = 'remove': .* LayerNorm: choose mode"),
    ({"prune": {"ratio": 0.5, "importance": "bn_scale"}, "model": VIT}, "prune.importance = 'bn_scale': no batch norm"),
    ({"inference": {"transformations": [{"name": "quilting", "patch": 9}]}}, "transformations.0.patch = 9: .* 8x8"),
    ({"train": OAT, "model": VIT}, r"train.objective = 'oat': lambda conditions batch norm .* \(model vit_tiny\)"),
    ({"train": IBP, "model": VIT}, "train.objective = 'ibp': .* know the function"),
    ({"train": IBP, "model": ALEXNET, "dataset": LARGE}, "train.objective = 'ibp': .* dropout in training"),
    ({"train": train_by({**ENSEMBLE, "inner": IBP["objective"]}), "model": VIT}, "inner = 'ibp': .* function"),
    ({"train": train_by({"name": "crown_ibp", "eps": 0.1}), "model": {"name": "densenet121"}}, "'crown_ibp': .* cat "),
    ({"attack": {"name": "interval_bounds", "eps": 0.1}, "model": {"name": "mobilenet_v2"}}, "attack = .* a ReLU6: "),
    ({"attack": {"name": "crown_ibp", "eps": 0.1}, "model": CONVNEXT, "dataset": LARGE}, "attack = .* permute"),
    ({"model": ALEXNET}, "dataset.image_size = 8: images of 8x8 pixels are too small for alexnet: .* 15x15"),
    ({"model": {"name": "resnet8", "mean": [0.1, 0.2, 0.3]}}, "model.mean = .*: 3 values, .* 1 channel$"),
    (
        {
            "attack": {**IFGSM, "eps_space": "normalized"},
            "dataset": {"name": "digits", "channels": 3},
            "model": {"name": "resnet8", "mean": [0.4, 0.4, 0.4], "std": [0.1, 0.2, 0.3]},
        },
        r"attack\.eps_space = 'normalized': model\.std differs between colours.*: choose pixel \(model resnet8\)",
    ),
    ({"attack": {**IFGSM, "norm": "l2", "eps": 8.1}}, "attack.eps = 8.1: no image .* needs a budget above 8 in l2"),
    ({"attack": {"name": "ddn", "eps": {"grid_search": [1, 9]}}}, "attack.eps = 9.0: no image .* above 8 in l2"),
    ({"train": SMOOTH, "seed": {"grid_search": [0, 1]}}, "train.objective.attack.eps = 300.0: .* above 8 in l2"),
    ({"dataset": {"name": "digits", "augment": {"crop": 8}}}, "dataset.augment.crop = 8: .* 8x8 .* padding alone"),
    ({"train": CHECKED, "dataset": HELD}, "train.validation_attack.eps = 300.0: .* above 8 in l2"),
    ({"attack": {**IFGSM, "surrogate": {"model": ALEXNET, "train": SPACE["train"]}}}, "surrogate alexnet: "),
    ({"prune": {"ratio": 0.9999}}, "prune.ratio = 0.9999: leaves none of the 8 filters of conv1: at most 0.875 leaves"),
    ({"prune": {"ratio": 0.9999, "unit": "weights", "mode": "once"}}, "none of the 72 weights of conv1: at most 0.986"),
    ({"attack": {"name": "apgd_t", "eps": 0.1, "targets": 10}}, "targets = 10: 10 classes have 9 others: at most 9"),
    ({"attack": {"name": "fab_t", "eps": 0.1, "targets": 12}}, "targets = 12: 10 classes have 9 others: at most 9"),
    ({"attack": {**IFGSM, "surrogate": OTHER}}, "attack.surrogate.model.name = 'resnet8': .* give attack.surrogate.tr"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), MISFITS)
def test_one_problem_names_the_setting_its_value_and_what_fits(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ProblemsError, match=message) as raised:
        check_fits(plan(**changes))
    assert len(raised.value.problems) == 1


@pytest.mark.parametrize("prune", [{}, {"ratio": 0.9999, "mode": "remove"}, {"ratio": 0.9999, "within": "network"}])
def test_a_ratio_that_leaves_a_filter_in_each_layer_is_no_problem(prune: dict[str, Any]) -> None:
    check_fits(plan(prune={"ratio": 0.875, **prune}))


def test_the_usual_number_of_targets_goes_with_few_classes() -> None:
    made = plan(attack={"name": "apgd_t", "eps": 0.1})
    check_fits(
        replace(made, data={dataset: replace(found, classes=("a", "b")) for dataset, found in made.data.items()})
    )


def save_weights(file: Path, channels: int) -> Path:
    description = Description.of(ModelSettings(name="resnet8"), channels, 10)
    state = build_model(description).network.state_dict()
    safetensors.torch.save_file({name: value.contiguous() for name, value in state.items()}, file)
    return file


def test_a_file_of_weights_is_held_against_the_model_that_begins_with_it(tmp_path: Path) -> None:
    fits = save_weights(tmp_path / "fits.safetensors", 1)
    check_fits(plan(model={"name": "resnet8", "weights": str(fits)}, prune={"ratio": 0.5}))
    other = save_weights(tmp_path / "other.safetensors", 3)
    with pytest.raises(
        ProblemsError, match=r"model\.weights: .*other\.safetensors does not fit resnet8 with"
    ) as raised:
        check_fits(plan(model={"name": "resnet8", "weights": str(other)}, prune={"ratio": 0.5}))
    assert len(raised.value.problems) == 1
    (tmp_path / "none.safetensors").write_bytes(b"nothing")
    with pytest.raises(ProblemsError, match=r"model\.weights: .*none\.safetensors holds no weights"):
        check_fits(plan(model={"name": "resnet8", "weights": str(tmp_path / "none.safetensors")}))


def test_a_transfer_is_from_another_model_in_some_trial() -> None:
    own = {"model": {"name": "resnet8"}, "train": SPACE["train"]}
    said = "attack.surrogate.model.name = 'resnet8': is the attacked model itself"
    with pytest.raises(ProblemsError, match=said) as raised:
        check_fits(plan(attack={**IFGSM, "surrogate": own}, seed={"grid_search": [0, 1]}))
    assert len(raised.value.problems) == 1
    check_fits(plan(attack={**IFGSM, "surrogate": {**own, "seed": 1}}))
    check_fits(plan(attack={**IFGSM, "surrogate": own}, prune={"grid_search": [None, {"ratio": 0.5}]}))
    check_fits(plan(attack={**IFGSM, "surrogate": own}, inference={"transformations": [{"name": "bit_depth"}]}))


@pytest.mark.slow
def test_what_is_stored_is_not_asked_again_and_each_model_once() -> None:
    models = ["convnext_tiny", "alexnet", "resnet8"]
    grid = plan(model={"name": {"grid_search": models}}, seed={"grid_search": [0, 1]})
    with pytest.raises(ProblemsError) as raised:
        check_fits(grid)
    assert [problem.message.split("small for ")[1].split(":")[0] for problem in raised.value.problems] == models[:2]
    check_fits(grid, grid.stages.keys())


def test_what_many_stages_ask_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another ratio asks the same of the network, another scope does not."""
    asked: list[tuple[str, tuple[int, ...]]] = []

    def note(model: nn.Module, settings: PruneSettings, shape: tuple[int, ...]) -> None:  # noqa: ARG001
        asked.append((settings.scope, shape))

    monkeypatch.setattr(rehearsal, "check_prunable", note)
    prune = {"ratio": {"grid_search": [0.3, 0.5]}, "scope": {"grid_search": ["all", "layer1"]}}
    check_fits(plan(prune=prune, seed={"grid_search": [0, 1]}))
    assert sorted(asked) == [("all", (1, 8, 8)), ("layer1", (1, 8, 8))]


@pytest.mark.parametrize("name", ["defences", "pruning_benchmark", "smoothing", "transformations", "generative"])
def test_a_shipped_space_asks_nothing_that_its_models_cannot_do(name: str) -> None:
    check_fits(make_plan(spaces.load(name), without_data=True))


def test_what_a_sketch_cannot_tell_is_left_to_the_stage() -> None:
    def build(channels: int, classes: int, stem: str) -> nn.Module:  # noqa: ARG001
        layer = nn.Linear(64, classes)
        if layer.weight.sum().item() > 1e9:
            layer.weight.data.zero_()
        return nn.Sequential(nn.Flatten(), layer)

    ARCHITECTURES.add("by_value", Architecture(build))
    try:
        check_fits(plan(model={"name": "by_value"}, prune={"ratio": 0.5, "scope": "layer9"}))
    finally:
        ARCHITECTURES.remove("by_value")


@pytest.mark.parametrize("command", ["plan", "launch"])
def test_the_command_ends_with_code_2_and_nothing_is_written(command: str, tmp_path: Path) -> None:
    setting = "prune={ratio: 0.5, scope: layer9}"
    ended = run_here(command, "--space", "smoke", "--set", setting, "--storage", tmp_path / "s")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"error: --set {setting}: 1 problem\n  prune.scope = 'layer9': ")
    assert list_tree(tmp_path) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"attack": {"name": "interval_bounds", "eps": 0.1}, "model": {"name": "mobilenet_v2"}},
        {"attack": {**IFGSM, "norm": "l2", "eps": 8.1}},
        {"prune": {"ratio": 0.5, "scope": "layer9"}},
        {"model": ALEXNET},
    ],
)
def test_what_many_stages_would_refuse_is_said_once(changes: dict[str, Any]) -> None:
    with pytest.raises(ProblemsError, match=r"^test: 1 problem\n"):
        check_fits(plan(seed={"grid_search": [0, 1, 2]}, **changes))
