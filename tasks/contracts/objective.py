"""What an objective promises."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tasks.contracts import toy
from tasks.contracts.contract import Finding, check_settings_are_read_as_written, expect, read_settings, try_promises
from tasks.data.images import Images, convert_to_float
from tasks.models.conditional import make_conditional
from tasks.seeds import make_generator
from tasks.training.objectives.base import ObjectiveSettings
from tasks.training.objectives.registry import OBJECTIVES
from tasks.training.objectives.step import Batch, ObjectiveContext, StepOutcome, build_objective

STEPS = 3


@dataclass(frozen=True)
class ObjectiveSubject:
    """An objective, and what a step of it is given."""

    settings: ObjectiveSettings
    model: nn.Module
    images: Images

    def make_batch(self) -> Batch:
        """All images."""
        pixels = convert_to_float(self.images.pixels)
        return Batch(pixels, self.images.labels.clone(), torch.arange(len(self.images)))

    def copy_model(self) -> nn.Module:
        """In training mode."""
        return copy.deepcopy(self.model).train()

    def take_loss(self, model: nn.Module, batch: Batch | None = None) -> StepOutcome:
        """What a step finds, with the same random numbers every time."""
        surrogates = [toy.build_model(seed) for seed, _ in enumerate(self.settings.required_models, 1)]
        context = ObjectiveContext(model, self.images, surrogates, 8)
        return build_objective(self.settings, context)(model, batch or self.make_batch(), make_generator("contract"))


def check_objective(name: str, given: Mapping[str, Any]) -> list[Finding]:
    """Try an objective on a small network and twelve images.

    :param given: settings other than its defaults.
    """
    return try_promises("objective", name, lambda: _build_subject(name, given), CHECKS)


def _build_subject(name: str, given: Mapping[str, Any]) -> ObjectiveSubject:
    cls = OBJECTIVES.load(name)
    model, settings = toy.build_model(), read_settings(cls, toy.fill_settings(cls, name, given))
    images = toy.make_images(model)
    if settings.conditioning:
        make_conditional(model.network, *settings.conditioning)
    return ObjectiveSubject(settings, model, images)


def check_settings_are_as_written(subject: ObjectiveSubject) -> None:
    check_settings_are_read_as_written(subject.settings)
    once = subject.settings.simplify()
    expect(once.simplify() == once, "simplified twice they differ from simplified once")


def check_loss_is_one_number(subject: ObjectiveSubject) -> None:
    found = subject.take_loss(subject.copy_model())
    for value, what in ((found.loss, "the loss"), (found.accuracy, "the accuracy")):
        expect(isinstance(value, Tensor) and value.dim() == 0, f"{what} is a tensor of no dimensions")
        expect(bool(value.isfinite()), f"{what} is {value.item()}")
    expect(0 <= float(found.accuracy) <= 1, f"the accuracy is {float(found.accuracy):g}, not in [0, 1]")


def check_gradient_reaches_the_weights(subject: ObjectiveSubject) -> None:
    model = subject.copy_model()
    loss = subject.take_loss(model).loss
    expect(loss.requires_grad, "the loss has no gradient: it was detached, or computed under `no_grad`")
    loss.backward()
    found = [weight.grad for weight in model.parameters() if weight.grad is not None]
    expect(any(bool(gradient.abs().max() > 0) for gradient in found), "no gradient reaches a weight of the model")
    expect(all(bool(gradient.isfinite().all()) for gradient in found), "the gradient of a weight is NaN or infinite")


def check_loss_follows_from_the_random_numbers(subject: ObjectiveSubject) -> None:
    torch.manual_seed(9)
    first = subject.take_loss(subject.copy_model()).loss
    torch.manual_seed(10)
    again = subject.take_loss(subject.copy_model()).loss
    expect(torch.equal(first, again), "another loss comes each time: draw from the generator that it is given")


def check_batch_and_weights_are_left_as_they_are(subject: ObjectiveSubject) -> None:
    """The optimizer alone changes weights. Averages of batch norm may move."""
    model, batch = subject.copy_model(), subject.make_batch()
    subject.take_loss(model, batch)
    known = subject.make_batch()
    expect(torch.equal(batch.pixels, known.pixels), "it changes the images that it is given")
    expect(torch.equal(batch.labels, known.labels), "it changes the labels that it is given")
    before = dict(subject.model.named_parameters())
    changed = [name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])]
    expect(not changed, f"it changes weights of the model: {', '.join(changed[:5])}")
    expect(model.training, "it leaves the model in evaluation mode")


def check_steps_lead_on(subject: ObjectiveSubject) -> None:
    """A few steps of gradient descent change the weights and leave everything finite."""
    model = subject.copy_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = subject.take_loss(model).loss
        expect(bool(torch.isfinite(loss)), f"after {step} steps the loss is {loss.item()}")
        loss.backward()
        optimizer.step()
    strange = [name for name, weight in model.named_parameters() if not bool(weight.isfinite().all())]
    expect(not strange, f"after {STEPS} steps {', '.join(strange[:5])} is NaN or infinite")


CHECKS = (
    check_settings_are_as_written,
    check_loss_is_one_number,
    check_gradient_reaches_the_weights,
    check_loss_follows_from_the_random_numbers,
    check_batch_and_weights_are_left_as_they_are,
    check_steps_lead_on,
)
