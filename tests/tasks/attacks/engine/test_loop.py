"""Shared trajectories, restarts, targets, batches, audits and settings of the attack engine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from tasks.attacks.engine.fast_model import prepare_model
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, load_attack
from tasks.attacks.registry import ATTACKS
from tasks.errors import StageError
from tasks.evaluation import evaluate as evaluator
from tasks.evaluation.evaluate import evaluate
from tasks.evaluation.settings import AttackSettings
from tasks.models.build import Description, build_model
from tasks.models.settings import ModelSettings
from tasks.settings_problems import describe_problems
from tasks.training.surrogate import SurrogateSettings
from tasks.trial.chain import build_chain, list_own_stages
from tasks.trial.trial import Trial, simplify_trial
from tests.conftest import CONFIG
from tests.support.attack_models import Linear, job_of, linear_images, network, network_images, settings

COUNTS = (1, 2, 5, 9)
WALKS = [
    ("ifgsm", "linf", {}),
    ("ifgsm", "l2", {}),
    ("mifgsm", "linf", {}),
    ("mifgsm", "l2", {"targeted": True}),
    ("pgd", "linf", {"targeted": True, "target_rule": "least_likely"}),
    ("pgd", "l2", {}),
    ("sparse_l1", "l1", {"random_start": True}),
]
EPS = {"linf": 0.1, "l2": 0.8, "l1": 3.0}


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize(("name", "norm", "extra"), WALKS)
def test_one_trajectory_is_every_separate_run(name: str, norm: str, extra: dict[str, Any], stop: bool) -> None:
    model = network()
    images = network_images(model)
    method = settings(name=name, norm=norm, eps=EPS[norm], **extra).method
    together = load_attack(method)(job_of(model, images, COUNTS, stop=stop), method)
    for count in COUNTS:
        alone = load_attack(method)(job_of(model, images, (count,), stop=stop), method)[count]
        assert torch.equal(together[count], alone)


def test_images_leave_on_the_word_of_fp32_when_crafting_in_bf16() -> None:
    model = network()
    images = network_images(model)
    found = {}
    for precision in ("fp32", "bf16"):
        cells = [settings(name="ifgsm", eps=0.08, steps=steps, precision=precision) for steps in COUNTS]
        found[precision] = [each.count_correct()["robust_correct"] for each in evaluate(model, images, cells, 0, 0.5)]
    assert found["bf16"] == sorted(found["bf16"], reverse=True), "an image that was fooled is fooled after more steps"
    assert all(abs(a - b) <= 2 for a, b in zip(found["fp32"], found["bf16"], strict=True)), found


def test_more_restarts_never_leave_more_robust() -> None:
    model, images = Linear(), linear_images(60)
    cells = [settings(name="pgd", eps=0.1, steps=1, step_size=0.01, restarts=restarts) for restarts in (1, 6)]
    few, many = (evaluate(model, images, [cell], 0, 0.5)[0].table for cell in cells)
    robust = list(zip(few["robust"].to_pylist(), many["robust"].to_pylist(), strict=True))
    assert all(before or not after for before, after in robust)
    assert sum(after for _, after in robust) < sum(before for before, _ in robust)


@pytest.mark.parametrize("rule", ["next", "least_likely", "random"])
def test_targets_follow_their_rule_and_are_reached(rule: str) -> None:
    model = network()
    images = network_images(model)
    cell = settings(name="ifgsm", eps=0.3, steps=20, targeted=True, target_rule=rule)
    table = evaluate(model, images, [cell], 0, 0.5)[0].table
    targets = torch.tensor(table["target"].to_pylist())
    logits = model(images.pixels.float() / 255)
    if rule == "next":
        assert torch.equal(targets, (images.labels + 1) % 10)
    elif rule == "least_likely":
        assert torch.equal(targets, logits.argmin(1))
    else:
        assert len(targets.unique()) > 3
    assert (targets != images.labels).all()
    reached = targets.eq(torch.tensor(table["adversarial_prediction"].to_pylist()))
    assert reached.float().mean() > 0.9


QUICK: dict[str, dict[str, Any]] = {
    "carlini_wagner": {"steps": 20, "binary_search_steps": 3},
    "ead": {"steps": 20, "binary_search_steps": 3},
    "square": {"steps": 60},
    "rays": {"steps": 40},
    "fab_t": {"steps": 5},
    "apgd_t": {"steps": 20, "targets": 3},
    "apgd_ce": {"steps": 20},
    "uniform": {"draws": 3},
}


@pytest.mark.parametrize("name", sorted(set(ATTACKS) - {"autoattack"}))
def test_an_image_gets_the_same_whatever_the_batch(name: str) -> None:
    model = network()
    images = network_images(model, 13)
    norm = ATTACKS.load(name).model_fields["norm"].default
    eps = EPS.get(norm) if ATTACKS.load(name).bounded else None
    cell = settings(name=name, norm=norm, eps=eps, **QUICK.get(name, {}))
    whole, parts = (
        evaluate(model, images, [cell.model_copy(update={"batch_size": size})], 0, 0.5)[0].table for size in (13, 4)
    )
    for column in ("robust", "adversarial_prediction", "l0"):
        assert whole[column].equals(parts[column]), column
    for column in ("linf", "l2", "adversarial_confidence"):
        together, apart = (torch.tensor(table[column].to_pylist()) for table in (whole, parts))
        torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("name", "stem"), [("resnet8", "cifar"), ("alexnet", "imagenet"), ("vgg16", "imagenet")])
def test_a_prepared_model_answers_alike_for_few_images_and_for_many(name: str, stem: str, precision: str) -> None:
    model = build_model(Description.of(ModelSettings(name=name, stem=stem), 3, 10)).eval()
    images = torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    target = prepare_model(model, precision)
    for source in (target.gradient, target.judge, target.original):
        logits, gradient = answered(source, images)
        for count in (1, 2, 3, 5):
            few, slope = answered(source, images[:count])
            assert torch.equal(few, logits[:count]), f"logits of {count}"
            assert torch.equal(slope, gradient[:count]), f"gradients of {count}"


def answered(source: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    pixels = images.to(memory_format=torch.channels_last).requires_grad_(True)
    logits = source(pixels)
    (gradient,) = torch.autograd.grad((logits * torch.arange(logits.shape[1])).sum(), pixels)
    return logits.detach(), gradient


def spoiled(change: Callable[[Tensor], Tensor]) -> Callable[[AttackJob, Any], ExamplesBySteps]:
    return lambda job, _: {count: change(job.clean) for count in job.step_counts}


FAULTS = [
    ("ball", lambda clean: (clean - 0.2).clamp(0, 1), "left the linf ball of 0.1 in 12 of 12 images"),
    ("range", lambda clean: clean + 0.7, r"left the pixel range \[0, 1\]"),
    ("nan", lambda clean: clean * torch.nan, "NaN"),
]


@pytest.mark.parametrize(("change", "words"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_the_audit_catches_an_attack_that_breaks_its_rules(
    change: Callable[[Tensor], Tensor], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.attacks.gradient.craft.craft_fgsm", spoiled(change))
    with pytest.raises(StageError, match=words):
        evaluate(Linear(), linear_images(), [settings(name="fgsm", eps=0.1)], 0, 0.5)


def test_a_budget_in_normalised_units_is_audited_in_pixels() -> None:
    cell = settings(name="fgsm", eps=0.2, eps_space="normalized")
    sizes = evaluate(Linear(), linear_images(), [cell], 0, 0.25)[0].table["linf"].to_pylist()
    assert max(sizes) == pytest.approx(0.05, rel=1e-4)


def test_a_model_that_answers_nan_fails_with_that_word() -> None:
    model, images = Linear(), linear_images()
    nn.init.constant_(model.weight, float("nan"))
    with pytest.raises(StageError, match="NaN"):
        evaluate(model, images, [settings(name="fgsm", eps=0.1)], 0, 0.5)


def test_a_batch_that_does_not_fit_in_memory_is_halved(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cell = settings(name="ifgsm", eps=0.05)
    (expected,) = evaluate(Linear(), linear_images(), [cell], 0, 0.5)
    craft = evaluator.craft

    def small(job: AttackJob, cell: AttackSettings) -> ExamplesBySteps:
        if len(job.labels) > 3:
            raise torch.OutOfMemoryError
        return craft(job, cell)

    monkeypatch.setattr(evaluator, "craft", small)
    with caplog.at_level(logging.WARNING):
        (found,) = evaluate(Linear(), linear_images(), [cell], 0, 0.5)
    assert found.table.equals(expected.table)
    assert [record.args for record in caplog.records] == [(6,), (3,)]


def test_only_correct_leaves_out_what_the_model_gets_wrong() -> None:
    images = linear_images()
    images.labels[:5] = 1 - images.labels[:5]
    cell = settings(name="fgsm", eps=0.01, only_correct=True)
    counts = evaluate(Linear(), images, [cell], 0, 0.5)[0].count_correct()
    assert counts["examples"] == counts["clean_correct"] == 7
    with pytest.raises(StageError, match="only 7 correctly classified"):
        evaluate(Linear(), images, [cell.model_copy(update={"examples": 8})], 0, 0.5)


def test_examples_are_made_against_the_surrogate_and_judged_by_the_model() -> None:
    model, other = network(0), network(1)
    images = network_images(model)
    cell = settings(name="ifgsm", eps=0.1)
    (white,) = evaluate(model, images, [cell], 0, 0.5)
    (black,) = evaluate(model, images, [cell], 0, 0.5, surrogate=other)
    (same,) = evaluate(model, images, [cell.model_copy(update={"stop_when_fooled": False})], 0, 0.5, surrogate=model)
    assert black.count_correct()["robust_correct"] > white.count_correct()["robust_correct"]
    assert same.count_correct()["robust_correct"] <= white.count_correct()["robust_correct"] + 1


WRONG = [
    ({"name": "pgd", "eps": 0.1, "norm": "l1"}, "attack.norm", "choose from l2, linf"),
    ({"name": "carlini_wagner", "norm": "linf"}, "attack.norm", "choose from l2"),
    ({"name": "pgd", "eps": -0.1}, "attack.eps", "greater than or equal to 0"),
    ({"name": "deepfool", "eps": -1}, "attack.eps", "greater than or equal to 0"),
    ({"name": "pgd", "eps": None}, "attack.eps", "is not a number"),
    ({"name": "ifgsm", "eps": 0.1, "steps": -3}, "attack.steps", "greater than or equal to 1"),
    ({"name": "square", "eps": 0.1, "steps": 2.5}, "attack.steps", "not a whole number"),
    ({"name": "pdg", "eps": 0.1}, "attack.name", "did you mean 'pgd'"),
    ({"name": "pgd", "eps": 0.1, "restart": 3}, "attack.restart", "did you mean 'restarts'"),
    ({"name": "jsma", "theta": 0}, "attack.theta", "must not be 0"),
    ({"name": "fgsm", "eps": 0.1, "target_rule": "nxt"}, "attack.target_rule", "did you mean 'next'"),
]


@pytest.mark.parametrize(("raw", "path", "words"), WRONG)
def test_bad_settings_say_where_and_what(raw: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        AttackSettings.model_validate(raw)
    (problem,) = describe_problems(caught.value, AttackSettings, "attack")
    assert problem.path == path
    assert words in problem.message


SAME = [
    ({"name": "pgd", "eps": 0, "steps": 3}, {"name": "pgd", "eps": 0, "steps": 5, "precision": "bf16"}),
    ({"name": "square", "eps": 0.1}, {"name": "square", "eps": 0.1, "stop_when_fooled": False}),
    ({"name": "fgsm", "eps": 0.1}, {"name": "fgsm", "eps": 0.1, "target_rule": "random"}),
    ({"name": "jsma", "eps": 5}, {"name": "jsma", "eps": 5, "eps_space": "normalized"}),
    (
        {"name": "pgd", "eps": 0.1, "random_start": False, "restarts": 1},
        {"name": "pgd", "eps": 0.1, "random_start": False, "restarts": 5},
    ),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_settings_that_cannot_matter_are_dropped(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert settings(**one).canonical() == settings(**other).canonical()


def test_a_transfer_attack_builds_on_a_surrogate_of_its_own_seed_and_runs_to_the_end() -> None:
    surrogate = {"seed": 7, "model": {"name": "resnet8"}, "train": CONFIG["train"]}
    raw = {**CONFIG, "seed": 0, "attack": {**CONFIG["attack"], "surrogate": surrogate}}  # type: ignore[dict-item]
    trial = simplify_trial(Trial.model_validate(raw))
    other, *own = build_chain(trial, "0" * 64)
    assert (other.kind, other.seed) == ("train", 7)
    assert own[-1].kind == "attack"
    assert own[-1].upstream == {"model": own[-2].key, "surrogate_0": other.key}
    assert trial.attack.stop_when_fooled is False


def test_a_surrogate_is_any_chain_and_shares_its_stages() -> None:
    sections = ("model", "train", "prune", "finetune", "adversarial_finetune")
    other = {name: CONFIG[name] for name in sections}
    raw = {**CONFIG, "prune": None, "finetune": None, "adversarial_finetune": None}
    raw["attack"] = {**CONFIG["attack"], "surrogate": {**other, "seed": 7}}  # type: ignore[dict-item]
    trial = simplify_trial(Trial.model_validate(raw))
    stages = build_chain(trial, "0" * 64)
    expected = build_chain(simplify_trial(Trial.model_validate({**CONFIG, "seed": 7})), "0" * 64)[:-1]
    assert [stage.key for stage in stages[:4]] == [stage.key for stage in expected]
    assert stages[-1].upstream == {"model": stages[4].key, "surrogate_0": expected[-1].key}
    assert [stage.kind for stage in list_own_stages(stages)] == ["train", "attack"]
    assert trial.attack.surrogate is not None
    assert trial.attack.surrogate.label == "resnet8 seed 7 pruning_ratio 0.5 finetuned lambda 0.5 eps_train 0.0313725"


def test_stages_that_a_surrogate_does_not_name_are_in_no_key() -> None:
    surrogate = SurrogateSettings.model_validate({"model": {"name": "resnet8"}, "train": CONFIG["train"]})
    assert set(surrogate.canonical()) == {"seed", "model", "train"}
    empty = {"prune": {"ratio": 0}, "finetune": {**CONFIG["finetune"], "epochs": 0}}  # type: ignore[dict-item]
    same = SurrogateSettings.model_validate({"model": {"name": "resnet8"}, "train": CONFIG["train"], **empty})
    assert same.simplify() == surrogate.simplify()
    assert set(same.document()) == set(SurrogateSettings.model_fields)
