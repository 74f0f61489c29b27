"""Search spaces: grids, fractions, overrides, canonical trials, and every mistake at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.space import space as spaces
from tasks.errors import ProblemsError, UsageError
from tests.conftest import CONFIG


def built(**changes: Any) -> spaces.Space:
    return spaces.build("test", "test.yaml", {**CONFIG, **changes})


def test_fractions_are_exact_and_equal_to_their_decimals() -> None:
    fraction = built(attack={"name": "fgsm", "eps": "8/255"}).trials[0]
    decimal = built(attack={"name": "fgsm", "eps": 8 / 255}).trials[0]
    assert fraction.attack.method.eps == 8 / 255
    assert fraction.trial_id == decimal.trial_id


@pytest.mark.parametrize("text", ["__import__('os')", "1/0", "8//255", "nan", "inf", "1e999", "", "true"])
def test_numbers_are_never_evaluated(text: str) -> None:
    with pytest.raises(ProblemsError, match=r"attack\.eps"):
        built(attack={"name": "fgsm", "eps": text})


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"prune": {"ratio": 0.0}}, {"prune": None}),
        ({"prune": {"ratio": 0, "scope": "layer1"}}, {"prune": {"ratio": 0, "importance": "l2"}}),
        ({"finetune": {"epochs": 0, "optimizer": {"name": "sgd"}}}, {"finetune": None}),
        (
            {"adversarial_finetune": {**CONFIG["adversarial_finetune"], "lambda": 0}},  # type: ignore[dict-item]
            {"adversarial_finetune": {**CONFIG["adversarial_finetune"], "lambda": 0, "attack": None}},  # type: ignore[dict-item]
        ),
        ({"attack": {"name": "ifgsm", "eps": 0, "steps": 5}}, {"attack": {"name": "ifgsm", "eps": 0, "steps": 9}}),
        ({"model": {"name": "resnet8", "stem": "imagenet"}}, {"model": {"name": "resnet8", "stem": "cifar"}}),
    ],
)
def test_settings_that_cannot_matter_make_no_difference(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert built(**left).trials[0].trial_id == built(**right).trials[0].trial_id


def test_trials_that_become_equal_are_one() -> None:
    attack = {"name": "ifgsm", "eps": {"grid_search": [0, "8/255"]}, "steps": {"grid_search": [1, 5, 10]}}
    assert len(built(attack=attack).trials) == 1 + 3


def test_all_mistakes_are_reported_at_once_with_path_value_and_choices() -> None:
    with pytest.raises(ProblemsError) as caught:
        built(
            model={"name": "resnet9"},
            prune={"ratio": {"grid_search": [0.5, 1.5]}, "scop": "all"},
            attack={"name": "igfsm", "eps": 1},
            train={"epochs": 2.5, "optimizer": {"name": "sgd", "lr": -1}},
            seed=-1,
            fine_tune={},
        )
    text = str(caught.value)
    for expected in (
        "8 problems",
        "model.name = 'resnet9': unknown model (one of your own needs --plugin); choose from",
        "did you mean 'resnet8'?",
        "prune.ratio = 1.5: should be less than 1",
        "prune.scop = 'all': unknown setting; choose from importance, mode, objective, pressure, ramp, ratio,",
        "attack.name = 'igfsm': unknown attack or certificate (one of your own needs --plugin);",
        "did you mean 'ifgsm'?",
        "train.epochs = 2.5: is not a whole number",
        "train.optimizer.lr = -1: should be greater than 0",
        "seed = -1",
        "fine_tune = {}: unknown section;",
    ):
        assert expected in text
    assert "sgd.lr" not in text, "the tag of a union is no part of the path"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- 1\n- 2\n", "holds a list"),
        (b"", "is empty"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"a: 1\na: 2\n", "stands twice"),
        (b"a: [1\n", "not valid YAML"),
        (b"a: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
    ],
)
def test_files_that_are_no_space(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        spaces.load(str(path))


def test_an_explosion_is_refused_before_it_happens() -> None:
    with pytest.raises(UsageError, match="1,200,000 trials"):
        built(seed={"grid_search": list(range(1_200))}, prune={"ratio": {"grid_search": [0.5] * 1_000}})


def test_as_many_trials_as_there_may_be_are_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = {"grid_search": [0, 1, 2]}
    monkeypatch.setenv(spaces.MOST_TRIALS, "3")
    assert len(built(seed=seeds).trials) == 3
    monkeypatch.setenv(spaces.MOST_TRIALS, "2")
    with pytest.raises(UsageError, match="3 trials; a space may have 2"):
        built(seed=seeds)


def test_budgets_are_held_against_the_images_of_every_data_set() -> None:
    """A space of many trials validates no trial as a whole."""
    small, large = ({"name": "digits", "image_size": size, "channels": 1} for size in (8, 16))
    attacks = [{"name": "pgd", "norm": "l2", "eps": eps} for eps in (8, 8.1)]
    content = {**CONFIG, "dataset": {"grid_search": [small, large]}, "attack": {"grid_search": attacks}}
    with pytest.raises(ProblemsError) as caught:
        spaces.build("test", "test.yaml", content)
    assert [*map(str, caught.value.problems)] == ["attack.eps = 8.1: no image of [0, 1] needs a budget above 8 in l2"]
    assert spaces.build("test", "test.yaml", content | {"dataset": large}).trials


def test_a_space_has_what_stands_beside_its_sections_each_in_its_place() -> None:
    reference = [{"match": {"attack_eps": "8/255"}, "robust_accuracy": 0.5, "source": "Table 1"}]
    found = built(
        description="words", reference=reference, figures={"bars": {"kind": "budget_bars"}},
        resources={"train": {"cpus": 3}}, timeouts={"attack": 60},
    )  # fmt: skip
    assert (found.name, found.source, found.description) == ("test", "test.yaml", "words")
    assert [number.source for number in found.paper.numbers] == ["Table 1"]
    assert {name: request.kind for name, request in found.figures.items()} == {"bars": "budget_bars"}
    assert (found.resources.of("train").cpus, found.timeouts) == (3, {"attack": 60})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"description": 3}, r"description = 3: is not a text"),
        ({"seed": {"grid_search": [0, "x"]}}, r"seed = 'x': "),
        ({"seed": -1}, r"seed = -1: should be 0 or more"),
        ({"seed": 1.5}, r"seed = 1\.5: is not a whole number"),
        ({"model": None}, r"model( = None)?: is missing"),
        ({"attack": {"grid_search": [CONFIG["attack"], None]}}, r"attack( = None)?: is missing"),
    ],
)
def test_what_is_wrong_beside_the_sections_is_said(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ProblemsError, match=says):
        built(**changes)


def test_seeds_that_are_written_twice_are_one() -> None:
    assert [trial.seed for trial in built(seed={"grid_search": [3, 1, 3, 1e0]}).trials] == [3, 1]
