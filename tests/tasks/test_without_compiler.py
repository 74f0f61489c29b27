"""Without the compiler of torch optimizers take the same steps; it is there for whoever asks for it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from tasks.without_compiler import COMPILER, leave_out_compiler
from tests.support.harness import LIMIT

SPACE = {
    "dataset": {"name": "digits"},
    "model": {"name": "resnet8"},
    "train": {"epochs": 1, "optimizer": {"name": "sgd", "lr": 0.1}},
    "prune": {"ratio": 0.5, "mode": "remove"},
    "attack": {"grid_search": [{"name": "fgsm", "eps": 0.1}, {"name": "interval_bounds", "eps": 0.1}]},
}
ASKED = f"""
import advsweep, torch
from tasks import without_compiler
assert len(advsweep.plan({SPACE}).trials) == 2
with without_compiler.replace_compiler():
    assert (torch.zeros(3, device="meta") - torch.zeros(1, device="meta")).shape == (3,)
    weight = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([weight], 0.1)
    weight.sum().backward(); optimizer.step()
    assert (weight != 1).all()
    functions = list(sys.modules[without_compiler.COMPILER].left_alone)
    assert functions and all(without_compiler.KEPT in vars(function) for function in functions)
assert not any(without_compiler.KEPT in vars(function) for function in functions), "torch is as it was"
"""
COMPILED = """
import torch
from tasks.without_compiler import replace_compiler
with replace_compiler():
    torch.zeros(3, device="meta") - torch.zeros(1, device="meta")
    doubled = torch.compile(lambda images: 2 * images, backend="eager")
    assert doubled(torch.ones(2)).tolist() == [2.0, 2.0]
"""
TRAINED = """
import torch; from tests.support import small; from tasks.training.basic import SgdSettings, AdamSettings
from tasks.training.optimizers import build_optimizer
for settings in (SgdSettings(), AdamSettings()):
    weights = torch.nn.Parameter(torch.ones(3)); optimizer = build_optimizer([weights], settings)
    optimizer.zero_grad(); weights.sum().backward(); optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
    assert (weights != 1).all()
"""
COUNTED = """
from torch import nn; from tasks.models.build import NormalizedModel
from tasks.models.size import measure_model
layers = [nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 5), nn.Softmax(1)]
assert measure_model(NormalizedModel(nn.Sequential(*layers), 0.5, 0.25), (3, 4, 4))['macs'] == 54 * 4 + 40
"""
BUILT = """
from tasks.models import build; from tasks.models.settings import ModelSettings; import torch
described = build.Description.of(ModelSettings(name={name!r}), 3, 10)
again = build.build_with_weights(described, build.build_model(described).state_dict()).eval()
assert again(torch.rand(1, 3, 64, 64)).shape == (1, 10)
assert "torchvision.ops.roi_align" in sys.modules
"""
DETECTED = f"""
import tasks.models.architectures.torchvision_nets, torch, torchvision
assert {COMPILER!r} not in sys.modules
boxes = [torch.tensor([[0.0, 0.0, 4.0, 4.0]])]
assert torchvision.ops.roi_align(torch.rand(1, 1, 8, 8), boxes, 2).shape == (1, 1, 2, 2)
assert torchvision.ops.roi_align.__globals__['is_compile_supported']('cpu') is True
"""
WITHOUT = {
    "a training": TRAINED,
    "a plan that asks models": ASKED,
    "a count of products": COUNTED,
    "a network of torchvision": BUILT.format(name="resnet18"),
    "a network that only torchvision knows": BUILT.format(name="torchvision:squeezenet1_1"),
}
"""What imports no compiler."""
WITH = {"a layer of detection that computes": DETECTED, "a network that compiles itself": COMPILED}
PARTING = """
import json, os, sys, traceback
import torch, advsweep, tasks.models.architectures.torchvision_nets, tests.support.small
for statement in json.load(sys.stdin):
    child = os.fork()
    if not child:
        try:
            exec(statement, {"sys": sys})
            print(json.dumps(sorted(sys.modules)), flush=True)
        except BaseException:
            print(json.dumps(traceback.format_exc()), flush=True)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
"""
"""Each statement in a child of a process that has imported what all of them would."""
OPTIONS: list[tuple[type[torch.optim.Optimizer], dict[str, Any]]] = [
    (torch.optim.SGD, {"lr": 0.3, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (torch.optim.Adam, {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.01}),
    (torch.optim.AdamW, {"lr": 0.1}),
]


def train(kind: Any, options: dict[str, Any]) -> tuple[nn.Linear, torch.optim.Optimizer]:
    """Steps by each of which the gradient is another, with a schedule and a state that is kept and given back."""
    torch.manual_seed(3)
    model = nn.Linear(4, 2)
    optimizer: torch.optim.Optimizer = kind([model.weight], **options)
    optimizer.add_param_group({"params": [model.bias], "lr": 0.5})
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    for number in range(6):
        optimizer.zero_grad()
        assert model.weight.grad is None
        model(torch.randn(5, 4)).square().sum().backward()
        optimizer.step()
        schedule.step()
        if number == 3:
            kept = optimizer.state_dict()
            optimizer = kind([{"params": [model.weight]}, {"params": [model.bias]}], **options)
            optimizer.load_state_dict(kept)
            schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5, last_epoch=4)
    return model, optimizer


@pytest.mark.parametrize(("kind", "options"), OPTIONS, ids=lambda case: getattr(case, "__name__", ""))
def test_steps_are_those_of_torch(kind: type[torch.optim.Optimizer], options: dict[str, Any]) -> None:
    expected, theirs = train(kind, options)
    found, ours = train(leave_out_compiler(kind), options)
    assert torch.equal(found.weight, expected.weight)
    assert torch.equal(found.bias, expected.bias)
    assert found.weight.requires_grad, "a step is no part of what is derived"
    assert found.weight.grad_fn is None
    assert json.dumps(ours.param_groups, default=str) == json.dumps(theirs.param_groups, default=str)
    assert isinstance(ours, kind)


@pytest.fixture(scope="module")
def imported() -> dict[str, Any]:
    """The modules that a process holds after each statement, by its name; or what it raised."""
    asked = {**WITHOUT, **WITH}
    command, given = [sys.executable, "-c", PARTING], json.dumps([*asked.values()])
    ended = subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=LIMIT)
    return dict(zip(asked, map(json.loads, ended.stdout.splitlines()), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("what", WITHOUT)
def test_most_work_does_not_import_the_compiler(what: str, imported: dict[str, Any]) -> None:
    modules = imported[what]
    assert isinstance(modules, list), modules
    assert "torch.optim" in modules
    assert COMPILER not in modules


@pytest.mark.slow
@pytest.mark.parametrize("what", WITH)
def test_who_asks_for_the_compiler_finds_it(what: str, imported: dict[str, Any]) -> None:
    assert {COMPILER, f"{COMPILER}.convert_frame"} <= {*imported[what]}, imported[what]
