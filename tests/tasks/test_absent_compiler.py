"""Shapes are computed without torch's compiler, which is there for whoever asks for it."""

from __future__ import annotations

import pytest

from tasks.absent_compiler import COMPILER
from tests.support.harness import list_imported_modules

pytestmark = pytest.mark.slow  # each needs a process that has not imported the compiler

SPACE = {
    "dataset": {"name": "digits"},
    "model": {"name": "resnet8"},
    "train": {"epochs": 1, "optimizer": {"name": "sgd", "lr": 0.1}},
    "prune": {"ratio": 0.5, "mode": "remove"},
    "attack": {"grid_search": [{"name": "fgsm", "eps": 0.1}, {"name": "interval_bounds", "eps": 0.1}]},
}
ASKED = f"""
import advsweep, torch
from tasks import absent_compiler
assert len(advsweep.plan({SPACE}).trials) == 2
with absent_compiler.replace_compiler():
    assert (torch.zeros(3, device="meta") - torch.zeros(1, device="meta")).shape == (3,)
    functions = list(sys.modules[absent_compiler.COMPILER].left_alone)
    assert functions and all(absent_compiler.KEPT in vars(function) for function in functions)
assert not any(absent_compiler.KEPT in vars(function) for function in functions), "torch is as it was"
"""
COMPILED = """
import torch
from tasks.absent_compiler import replace_compiler
with replace_compiler():
    torch.zeros(3, device="meta") - torch.zeros(1, device="meta")
    doubled = torch.compile(lambda images: 2 * images, backend="eager")
    assert doubled(torch.ones(2)).tolist() == [2.0, 2.0]
"""


def test_a_plan_asks_models_and_imports_no_compiler() -> None:
    assert COMPILER not in list_imported_modules(ASKED)


def test_a_network_that_compiles_itself_finds_the_compiler() -> None:
    assert {COMPILER, f"{COMPILER}.convert_frame"} <= list_imported_modules(COMPILED)
