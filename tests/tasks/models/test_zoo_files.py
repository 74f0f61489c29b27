"""Published robust models: their files fit, with their preprocessing, and compute what they computed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.errors import StageError
from tasks.models.architectures.swish_wide_resnet import SwishWideResNet
from tasks.models.architectures.wide_resnet import WideResNet
from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.registry import ARCHITECTURES, CIFAR10, ROBUSTBENCH, Architecture
from tasks.models.settings import ModelSettings
from tasks.models.weights import load_initial_weights
from tasks.without_compiler import replace_compiler
from tests.support.zoo_files import (
    DEEPMIND,
    TRADES,
    State,
    make_resnet18,
    make_swish_wide,
    make_wide,
    run_resnet18,
    run_wide,
)

DEPTH, WIDTH = 10, 2
MEAN, STD = (torch.tensor(values).view(3, 1, 1) for values in CIFAR10)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wide networks of the zoo, small."""

    def build_wide(channels: int, classes: int, _: str) -> nn.Module:
        return WideResNet(channels, classes, DEPTH, WIDTH)

    def build_swish(channels: int, classes: int, _: str) -> nn.Module:
        return SwishWideResNet(channels, classes, DEPTH, WIDTH)

    for name, builder in (("WideResNet-28-10", build_wide), ("DMWideResNet-70-16", build_swish)):
        known = ROBUSTBENCH[name]
        changed = Architecture(builder, True, normalisation=known.normalisation, renamed=known.renamed)
        registered = ARCHITECTURES.load

        def load(
            asked: str, name: str = name, changed: Architecture = changed, before: Any = registered
        ) -> Architecture:
            return changed if asked == f"robustbench:{name}" else before(asked)

        monkeypatch.setattr(ARCHITECTURES, "load", load)


def load_file(folder: Path, name: str, content: Any, **fields: Any) -> NormalizedModel:
    file = folder / "zoo.pt"
    torch.save(content, file)
    settings = ModelSettings.model_validate({"name": f"robustbench:{name}", "weights": str(file), **fields}).simplify()
    model = build_model(Description.of(settings, 3, 10)).eval()
    load_initial_weights(model.network, settings)
    return model


def with_prefix(state: State, prefix: str) -> State:
    return {f"{prefix}{name}": value for name, value in state.items()}


make_resnet_once = lru_cache(make_resnet18)
"""Its numbers are those of the first call with the same arguments: eleven million are drawn once for each."""
LAYOUTS: dict[str, tuple[str, Callable[[], State], Callable[[State, Tensor], Tensor]]] = {
    "wide": (
        "WideResNet-28-10",
        lambda: make_wide(DEPTH, WIDTH, sub_block=True),
        lambda state, x: run_wide(state, x, DEPTH, WIDTH, TRADES),
    ),
    "deepmind": (
        "DMWideResNet-70-16",
        lambda: make_swish_wide(DEPTH, WIDTH) | {"mean": MEAN, "std": STD},
        lambda state, x: run_wide(state, (x - MEAN) / STD, DEPTH, WIDTH, DEEPMIND),
    ),
    "resnet": (
        "ResNet-18",
        lambda: make_resnet_once(before=False),
        lambda state, x: run_resnet18(state, x, before=False),
    ),
    "preact": (
        "PreActResNet-18",
        lambda: make_resnet_once(before=True),
        lambda state, x: run_resnet18(state, x, before=True),
    ),
    "preact v2": (
        "PreActResNet-18-V2",
        lambda: make_resnet_once(before=True, last_norm=True) | {"mu": MEAN[None], "sigma": STD[None]},
        lambda state, x: run_resnet18(state, (x - MEAN) / STD, before=True, late=True),
    ),
}


SMALL, WRAPS = ("wide", "deepmind"), ("", "module.", "model.", "module.model.", "1.")
"""Layouts of small networks, and what stands before the names of a file: others are tried bare and as a sequence."""


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("layout", "wrap"),
    [(layout, wrap) for layout in LAYOUTS for wrap in WRAPS if layout in SMALL or wrap in ("", "1.")],
)
def test_a_file_of_the_zoo_computes_what_it_did(layout: str, wrap: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    name, make, run = LAYOUTS[layout]
    state = make()
    content: Any = {"state_dict": with_prefix(state, wrap), "epoch": 200} if wrap else state
    if wrap == "1.":  # a sequence of a normalisation and the network
        state = {key: value for key, value in state.items() if key not in ("mean", "std", "mu", "sigma")}
        mean, std = CIFAR10 if "mu" in make() or "mean" in make() else ((0.0,) * 3, (1.0,) * 3)
        content = with_prefix(state, wrap) | {"0.mean": torch.tensor(mean), "0.std": torch.tensor(std)}
    model = load_file(tmp_path, name, content)
    pixels = torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(model(pixels), run(state, pixels), rtol=1e-3, atol=1e-3)


@pytest.mark.usefixtures("small")
def test_another_normalisation_is_named_with_what_to_write(tmp_path: Path) -> None:
    torch.manual_seed(3)
    state = make_wide(DEPTH, WIDTH, sub_block=True) | {"mu": torch.tensor([0.5, 0.25, 0.125]).view(1, 3, 1, 1)}
    with pytest.raises(StageError, match=r"write model\.mean: \[0\.5, 0\.25, 0\.125\]"):
        load_file(tmp_path, "WideResNet-28-10", state)
    model = load_file(tmp_path, "WideResNet-28-10", state, mean=[0.5, 0.25, 0.125])
    assert model.mean.flatten().tolist() == [0.5, 0.25, 0.125]


def test_counts_of_batches_that_old_files_lack_are_made_up(tmp_path: Path) -> None:
    state = {name: value for name, value in make_resnet_once(before=False).items() if "num_batches" not in name}
    assert load_file(tmp_path, "ResNet-18", state)


def test_a_file_of_another_variant_says_what_differs(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"5 not in the network, such as bn\.weight"):
        load_file(tmp_path, "PreActResNet-18", make_resnet_once(before=True, last_norm=True))


@pytest.mark.parametrize(("name", "millions"), [("WideResNet-34-10", 46.2), ("WideResNet-70-16", 266.8),
                                                ("DMWideResNet-28-10", 36.5), ("DMWideResNet-70-16", 266.8),
                                                ("PreActResNet-18", 11.2), ("ResNet-18", 11.2)])  # fmt: skip
def test_sizes_are_those_of_the_papers(name: str, millions: float) -> None:
    with replace_compiler(), torch.device("meta"):
        network = ROBUSTBENCH[name].load_builder()(3, 10, "cifar")
    assert sum(weight.numel() for weight in network.parameters()) == pytest.approx(millions * 1e6, rel=5e-3)
