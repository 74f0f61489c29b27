"""Optimizers get every setting in its place."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from tasks.training.basic import Optimizer
from tasks.training.optimizers import build_optimizer

ADAM = {"lr": 0.3, "beta1": 0.7, "beta2": 0.8, "eps": 1e-4, "weight_decay": 0.05}


@pytest.mark.parametrize(
    ("settings", "kind", "expected"),
    [
        (
            {"name": "sgd", "lr": 0.3, "momentum": 0.6, "weight_decay": 0.05, "nesterov": True},
            torch.optim.SGD,
            {"lr": 0.3, "momentum": 0.6, "weight_decay": 0.05, "nesterov": True},
        ),
        (
            {"name": "adam", **ADAM},
            torch.optim.Adam,
            {"lr": 0.3, "betas": (0.7, 0.8), "eps": 1e-4, "weight_decay": 0.05},
        ),
        ({"name": "adam"}, torch.optim.Adam, {"lr": 1e-3, "betas": (0.9, 0.999), "weight_decay": 0.0}),
        ({"name": "adamw", **ADAM}, torch.optim.AdamW, {"betas": (0.7, 0.8), "weight_decay": 0.05}),
        ({"name": "adamw"}, torch.optim.AdamW, {"lr": 1e-3, "weight_decay": 0.01}),
    ],
)
def test_every_setting_is_in_its_place(settings: dict[str, Any], kind: type, expected: dict[str, Any]) -> None:
    asked: Any = TypeAdapter[Any](Optimizer).validate_python(settings)
    made = build_optimizer(nn.Linear(2, 2).parameters(), asked)
    assert isinstance(made, kind)
    assert (type(made).__name__, type(made).__mro__[1]) == (kind.__name__, kind)
    (group,) = made.param_groups
    assert {name: group[name] for name in expected} == expected


def test_nesterov_needs_a_momentum() -> None:
    with pytest.raises(ValidationError, match="nesterov needs a momentum above 0"):
        TypeAdapter[Any](Optimizer).validate_python({"name": "sgd", "nesterov": True})


def test_on_cuda_a_step_is_one_launch_and_elsewhere_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Any = TypeAdapter[Any](Optimizer).validate_python({"name": "sgd", "lr": 0.1})
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(torch.optim.SGD, "__init__", lambda self, parameters, **options: seen.append(options))  # noqa: ARG005
    build_optimizer(nn.Linear(2, 2).parameters(), asked)
    on_cuda: Any = [SimpleNamespace(device=torch.device("cuda"))]
    build_optimizer(on_cuda, asked)
    assert [options.get("fused") for options in seen] == [None, True]
