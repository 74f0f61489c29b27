"""A network that takes lambda: what is pruned is known to it, and at one lambda it is an ordinary one again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import safetensors.torch
import torch

from tasks.errors import StageError
from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.conditional import ConditionalNorm, find_condition
from tasks.models.settings import ConditionSettings, ModelSettings
from tasks.pruning.filters import Mask
from tasks.stages.condition import prepare_conditional_model, run_condition
from tasks.stages.context import Context
from tasks.training.objectives.base import Conditioning
from tasks.trial.chain import Stage
from tests.support import small

LAMBDAS = Conditioning((0.0, 0.5, 1.0), 0.5)


def make_stage(kind: str = "finetune", seed: int = 0) -> Stage:
    (first, *_) = small.stages_of(small.trial(seed=seed))
    return replace(first, kind=cast(Any, kind))


def make_model(pruned: dict[str, list[int]] | None = None) -> tuple[Description, NormalizedModel]:
    """A network whose named filters are pruned."""
    settings = ModelSettings(name="resnet8", mean=0.25, std=0.5)
    description = replace(Description.of(settings, 1, 4), pruned=pruned or {})
    torch.manual_seed(1)
    model = build_model(description).eval()
    Mask.of(model, description.pruned, description.sparse).apply()
    return description, model


def first_convolution(model: NormalizedModel) -> str:
    names: list[str] = [name for name, part in model.network.named_modules() if isinstance(part, torch.nn.Conv2d)]
    return names[0]


def test_a_network_is_made_conditional_once_and_says_the_same_at_first() -> None:
    description, model = make_model()
    pixels = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        before = model(pixels)
    random = torch.get_rng_state()
    made = prepare_conditional_model(make_stage(), description, model, LAMBDAS)
    assert torch.equal(torch.get_rng_state(), random)
    assert made == replace(description, conditioned={"lambdas": [0.0, 0.5, 1.0], "reference": 0.5})
    with torch.no_grad():
        torch.testing.assert_close(model(pixels), before)
    again = prepare_conditional_model(make_stage(), made, model, Conditioning((0.0, 0.5, 1.0), 1.0))
    assert again.conditioned == {"lambdas": [0.0, 0.5, 1.0], "reference": 1.0}
    condition = find_condition(model.network)
    assert condition is not None
    assert condition.reference == 1.0
    message = r"^finetune: the network was trained with the lambdas \(0\.0, 0\.5, 1\.0\): give the same$"
    with pytest.raises(StageError, match=message):
        prepare_conditional_model(make_stage(), made, model, Conditioning((0.0, 1.0), 1.0))


def test_its_new_weights_follow_from_the_seed_and_the_stage() -> None:
    found: list[torch.Tensor] = []
    for stage in (make_stage(), make_stage(), make_stage(seed=1), make_stage("train")):
        description, model = make_model()
        torch.manual_seed(len(found))
        prepare_conditional_model(stage, description, model, LAMBDAS)
        found.append(torch.cat([value.flatten() for value in model.state_dict().values()]))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[3])


def test_at_one_lambda_it_is_an_ordinary_network_whose_pruned_filters_stay_at_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = first_convolution(make_model()[1])
    description, model = make_model({name: [1, 3]})
    conditional = prepare_conditional_model(make_stage(), description, model, LAMBDAS)
    norms = [part for part in model.network.modules() if isinstance(part, ConditionalNorm)]
    dead = [(1 - norm.kept).nonzero().flatten().tolist() for norm in norms]
    assert dead == [[1, 3], *([[]] * (len(norms) - 1))], "lambda would bring them back to life"
    drawn = torch.Generator().manual_seed(5)
    for part in model.parameters():
        part.data += 0.05 * torch.randn(part.shape, generator=drawn)
    Mask.of(model, conditional.pruned, conditional.sparse).apply()
    model.eval()
    monkeypatch.setattr(Context, "load_upstream_model", lambda *_: (conditional, model))
    pixels, answers = torch.rand(3, 1, 8, 8, generator=drawn), []
    for weight in (0.0, 1.0):
        stage = replace(make_stage("condition"), settings=ConditionSettings.model_validate({"lambda": weight}))
        draft = tmp_path / str(weight)
        draft.mkdir()
        outcome = run_condition(stage, small.context(tmp_path / "storage"), draft)
        assert outcome == {"model": description.to_json()}
        state = safetensors.torch.load_file(draft / "model.safetensors")
        assert not state[f"network.{name}.weight"][[1, 3]].any()
        assert state[f"network.{name}.weight"][[0, 2]].any()
        assert (float(state["mean"]), float(state["std"])) == (0.25, 0.5)
        folded = build_model(description).eval()
        folded.load_state_dict(state)
        condition = find_condition(model.network)
        assert condition is not None
        with torch.no_grad(), condition.asking(torch.full((3,), weight), 3 if weight == 0 else 0):
            answers.append(model(pixels))
            torch.testing.assert_close(folded(pixels), answers[-1], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(answers[0], answers[1], atol=1e-3)
