"""What an attack is asked: the classes to reach, and what it keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.engine.attacked_model import AttackedModel, count_chosen
from tasks.attacks.engine.job import AttackJob, draw_random_starts, find_smallest, run_worst_case, with_target_classes
from tasks.attacks.engine.norms import NORMS
from tasks.evaluation.evaluate import evaluate
from tests.support.attack_models import Linear, job_of, linear_images, network, network_images, settings


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


def test_an_image_is_never_led_to_its_own_label_however_unlikely_that_is(job: AttackJob) -> None:
    """Of the linear model class 3 is always the least likely, and class 2 next to it."""
    wrong = replace(job, labels=torch.tensor([3, 0, 3, 2]))
    cell = settings(name="ifgsm", eps=0.3, steps=1, targeted=True, target_rule="least_likely")
    found = with_target_classes(wrong, cell.method).target_classes
    assert found is not None
    assert found.tolist() == [2, 3, 2, 3]


def test_an_answer_that_is_known_is_not_asked_for_again(job: AttackJob) -> None:
    logits = job.model.judge(job.clean).detach()
    fooled, (count,) = job.judge_and_ask(job.clean, count_chosen)

    def refuse(_: Tensor) -> Tensor:
        raise AssertionError("the model is asked again")

    model = Answering(refuse)
    known = replace(job, model=AttackedModel(model, model, model))
    assert torch.equal(known.is_adversarial(job.clean, logits), fooled)
    same, answers = known.judge_and_ask(job.clean, count_chosen, logits)
    assert (same.tolist(), answers) == (fooled.tolist(), [count])


class Answering(nn.Module):
    """A network that is a function."""

    def __init__(self, answer: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, pixels: Tensor) -> Tensor:
        return self.answer(pixels)


class Attempts:
    """Attacks that push the images of some places across the boundary and all others a little, each time farther."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        """The places of the images that each call was given."""

    def cross(self, which: list[int]) -> Callable[[AttackJob], Tensor]:
        def attempt(attacked: AttackJob) -> Tensor:
            self.calls.append(attacked.index.tolist())
            sign = torch.where(attacked.labels == 0, -1.0, 1.0).view(-1, 1, 1, 1)
            far = torch.tensor([index in which for index in attacked.index.tolist()]).view(-1, 1, 1, 1)
            size = torch.where(far, 0.3, 0.001 * len(self.calls))
            return (attacked.clean + size * sign * Linear().weight.detach().view(1, 1, 4, 4).sign()).clamp(0, 1)

        return attempt


@pytest.fixture
def job() -> AttackJob:
    """Four images of the linear model, of which the first is seen as another class before any attack."""
    model, images = Linear(), linear_images(4)
    images.labels[0] = 1 - images.labels[0]
    return job_of(model, images, (1,))


def test_each_attack_of_a_series_is_run_on_the_survivors_of_those_before(job: AttackJob) -> None:
    attempts = Attempts()
    found = run_worst_case(job, [attempts.cross([1]), attempts.cross([3]), attempts.cross([])])
    assert attempts.calls == [[1, 2, 3], [2, 3], [2]]
    assert torch.equal(found[0], job.clean[0]), "wrong before: left as it is"
    assert job.is_adversarial(found).tolist() == [True, True, False, True]
    sizes = (found - job.clean).flatten(1).abs().amax(1)
    expected = torch.tensor([0, 0.3, 0.003, 0.3])  # the first success is kept, a survivor is as the last attack left it
    torch.testing.assert_close(sizes, expected, rtol=0, atol=1e-6)


def test_a_series_ends_when_nothing_is_left(job: AttackJob) -> None:
    attempts = Attempts()
    run_worst_case(job, [attempts.cross([1, 2, 3]), attempts.cross([])])
    assert attempts.calls == [[1, 2, 3]]


def test_what_finds_nothing_smaller_leaves_the_image_as_it_is(job: AttackJob) -> None:
    attempts = Attempts()
    found = find_smallest(job, attempts.cross([2]))
    assert attempts.calls == [[1, 2, 3]]
    assert [torch.equal(*pair) for pair in zip(found, job.clean, strict=True)] == [True, True, False, True]


def test_an_image_that_misses_its_target_but_is_seen_as_a_third_class_counts(job: AttackJob) -> None:
    aimed = replace(job, target_classes=torch.full((4,), 3), labels=Linear()(job.clean).argmax(1))
    found = find_smallest(aimed, Attempts().cross([1, 2]))
    assert not aimed.is_adversarial(found).any(), "class 3 is never said"
    assert [torch.equal(*pair) for pair in zip(found, job.clean, strict=True)] == [True, False, False, True]


def test_a_part_of_a_job_keeps_what_belongs_to_its_images(job: AttackJob) -> None:
    whole = replace(job, target_classes=torch.tensor([3, 2, 1, 0]), index=torch.tensor([7, 5, 9, 6]), seed=4, scale=0.5)
    for chosen in (torch.tensor([3, 1]), torch.tensor([False, True, False, True])):
        part = whole.select(chosen)
        order = [3, 1] if chosen.dtype == torch.int64 else [1, 3]
        assert torch.equal(part.clean, whole.clean[order])
        assert torch.equal(part.labels, whole.labels[order])
        assert part.index.tolist() == [whole.index.tolist()[place] for place in order]
        assert part.target_classes is not None
        assert part.target_classes.tolist() == [3 - place for place in order]
        assert (part.seed, part.scale, part.step_counts) == (4, 0.5, (1,))


def test_random_starts_belong_to_the_image_the_seed_and_the_run(job: AttackJob) -> None:
    def draw(job: AttackJob, run: object = 0) -> Tensor:
        return draw_random_starts(job, NORMS["linf"], 0.1, run)

    shuffled = job.select(torch.tensor([2, 0]))
    assert torch.equal(draw(shuffled), draw(job)[[2, 0]])
    assert not torch.equal(draw(job, 1), draw(job))
    assert not torch.equal(draw(replace(job, seed=1)), draw(job))
    assert not torch.equal(draw(job)[0], draw(job)[1])
