"""An exported model behind transformations answers as the judged one, in a process that has only its folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tasks.data.images import convert_to_float
from tasks.data.loading import load_splits
from tasks.errors import UsageError
from tasks.models.export import export_model, list_plugin_files
from tasks.plugins.load import PLUGINS
from tasks.settings import CODE
from tasks.transformations.defended_model import JUDGE, DefendedModel
from tasks.transformations.export import LOAD, check_code, list_plugins, write_defence
from tasks.transformations.registry import TRANSFORMATIONS
from tasks.transformations.settings import InferenceSettings
from tests.support.small import context, model_of, run, stages_of, trial

GAMMA = """
from typing import Literal
import advsweep
from gamma_for_export_power import POWER

class Gamma(advsweep.TransformationSettings):
    name: Literal["gamma_for_export"] = advsweep.keyed("gamma_for_export")

@advsweep.transformation("gamma_for_export", settings=Gamma)
def gamma(pixels, settings, draws):
    return pixels.clamp(0.01, 1) ** POWER
"""
ANSWERS = """
import sys
folder, place = sys.argv[1:]
sys.argv[1:] = []
names = {"__file__": folder + "/example.py"}
exec(open(folder + "/example.py").read(), names)
import tasks, torch
assert tasks.__file__.startswith(folder), tasks.__file__
from safetensors.torch import load_file, save_file
with torch.no_grad():
    save_file({"logits": names["model"](load_file(place)["pixels"])}, place)
"""
STEPS = [{"name": "jpeg"}, {"name": "quilting", "database": 50}, {"name": "noise", "sigma": 0.2}]


@pytest.fixture(scope="module")
def gamma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a transformation of a plugin that imports from beside itself."""
    name = "gamma_for_export"
    folder = tmp_path_factory.mktemp("lab")
    (folder / f"{name}.py").write_text(GAMMA)
    (folder / f"{name}_power.py").write_text("POWER = 0.5")
    assert PLUGINS.load(str(folder / f"{name}.py")), PLUGINS.failures
    yield name
    PLUGINS.loaded.pop(name)
    TRANSFORMATIONS.remove(name)


@pytest.mark.slow
def test_a_fresh_process_answers_as_the_judged_model(gamma: str, tmp_path: Path) -> None:
    at = context(tmp_path / "storage")
    asked = trial(inference={"transformations": [*STEPS, {"name": gamma}], "samples": 2}, seed=3)
    key, settings = run(asked, at)[0]["key"], asked.inference
    splits = load_splits(asked.dataset, None)
    assert settings is not None

    def load_training_images() -> Tensor:
        return convert_to_float(splits.train.pixels)

    files = write_defence(settings, asked.seed, 1, (8, 8), load_training_images)
    beside = {**list_plugin_files(list_plugins(settings)), **files}
    out, place = tmp_path / "out", tmp_path / "pixels"
    export_model(
        at.store, key, out, dataset=asked.dataset, classes=splits.test.classes, size=(8, 8), beside=beside, load=LOAD
    )
    pixels = convert_to_float(splits.test.pixels[:8]).contiguous()
    save_file({"pixels": pixels}, place)
    subprocess.run([sys.executable, "-I", "-c", ANSWERS, str(out), str(place)], check=True, cwd=tmp_path)
    model = model_of(at.store.read_record(key), at)
    judged = DefendedModel(model, settings, asked.seed, JUDGE, samples=2, training=load_training_images)
    with torch.no_grad():
        torch.testing.assert_close(load_file(place)["logits"], judged(pixels), atol=1e-5, rtol=1e-5)
        assert not torch.allclose(judged(pixels), model(pixels), atol=1e-2)


def test_settings_tell_the_code_of_parts_that_stand_inside_them(gamma: str) -> None:
    """The record of a stage has it from there, and `explain` the name of a file that has changed."""
    attack = {"name": "fgsm", "eps": 0.1}
    stage = stages_of(trial(inference={"transformations": [{"name": gamma}]}, attack=attack))[-1]
    code = {f"{gamma}.py", f"{gamma}_power.py"}
    assert stage.settings.describe()["inference"][CODE].keys() == code
    assert CODE not in stage.settings.document()["inference"]


def test_other_code_of_a_transformation_is_refused(gamma: str) -> None:
    settings = InferenceSettings.model_validate({"transformations": [{"name": gamma}]})
    then = settings.canonical()[CODE]
    check_code(settings, then)
    with pytest.raises(UsageError, match=f"code of its transformations has changed since: {gamma}_power.py; give"):
        check_code(settings, {**then, f"{gamma}_power.py": "0" * 64})
