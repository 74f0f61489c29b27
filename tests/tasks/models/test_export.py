"""An exported model is loaded by plain torch, in a process that cannot import this package."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.data.loading import load_splits
from tasks.errors import UsageError
from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.export import export_model, generate_source
from tasks.models.registry import ARCHITECTURES
from tasks.models.settings import ModelSettings
from tasks.without_compiler import replace_compiler
from tests.support.children import run_in_child
from tests.support.networks import make_networks_narrow
from tests.support.small import context, model_of, run, trial

LOGITS = """
import json, sys
sys.path.insert(0, sys.argv[1])
sys.modules["tasks"] = None
import torch
from safetensors.torch import load_file
from model import Model
model = Model()
model.load_state_dict(load_file(sys.argv[1] + "/weights.safetensors"), strict=True)
pixels = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
print(json.dumps(model.eval()(pixels).tolist()))
"""


def answer_without_package(folder: Path) -> str:
    """What `LOGITS` says in a process that can no longer import this package."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "tasks"]:
        del sys.modules[name]
    sys.argv[1:] = [str(folder)]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(LOGITS, {})
    return said.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["mask", "remove"])
def test_a_fresh_process_gets_the_same_logits(tmp_path: Path, mode: str) -> None:
    at, asked = context(tmp_path), trial(prune={"ratio": 0.5, "mode": mode})
    record = run(asked, at)[1]
    classes = load_splits(asked.dataset, None).test.classes
    folder = export_model(
        at.store, record["key"], tmp_path / "out", dataset=asked.dataset, classes=classes, size=(8, 8)
    )
    plain = [sys.executable, "-I"]
    if mode == "mask":  # one fresh process is enough
        found = run_in_child(answer_without_package, folder)
    else:
        asked_for = [*plain, "-c", LOGITS, str(folder)]
        found = subprocess.run(asked_for, check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    pixels = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = model_of(record, at)(pixels)
    torch.testing.assert_close(torch.tensor(json.loads(found)), expected, atol=1e-5, rtol=1e-5)
    if mode == "remove":
        example = [*plain, str(folder / "example.py")]
        shown = subprocess.run(example, check=True, capture_output=True, text=True, cwd=tmp_path).stdout
        assert shown.split()[0] in classes
    assert not list(tmp_path.glob(".*"))


LARGE = ("resnet50", "resnet34", "convnext", "densenet")
"""Parts of the names of networks that take a second or more to make and to run."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if any(part in name for part in LARGE) else [])
        for name in sorted(ARCHITECTURES)
    ],
)
def test_the_code_of_every_architecture_is_the_architecture(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_networks_narrow(monkeypatch)
    settings = ModelSettings.model_validate({"name": name, "mean": [0.1, 0.2, 0.3]})
    description = Description.of(settings, channels=3, classes=4)
    model = build_model(description).eval()
    space: dict[str, type[torch.nn.Module]] = {}
    exec(generate_source(model, description), space)
    with replace_compiler(), torch.device("meta"):  # no weights are drawn only to be replaced
        again = space["Model"]()
    again.load_state_dict(model.state_dict(), strict=True, assign=True)
    pixels = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(pixels), model(pixels), atol=1e-4, rtol=1e-4)


def test_a_network_that_is_a_sequence_runs_as_code() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    model = NormalizedModel(network, 0.5, 0.25)
    text = generate_source(model, Description("sequence", "cifar", 1, 2, 0.5, 0.25))
    written: dict[str, Any] = {}
    exec(text, written)
    copied = written["Model"]()
    copied.load_state_dict(model.state_dict())
    pixels = torch.rand(3, 1, 2, 2)
    assert torch.equal(copied(pixels), model(pixels))


def test_a_network_that_is_no_graph_is_one_line() -> None:
    class Choosing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.mean() > 0 else -x

    with pytest.raises(UsageError, match="'choosing' cannot be written as code of plain torch"):
        generate_source(NormalizedModel(Choosing(), 0.0, 1.0), Description("choosing", "cifar", 1, 2, 0.0, 1.0))
