"""What a generator promises."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from tasks.contracts import toy
from tasks.contracts.contract import (
    BrokenPromiseError,
    Finding,
    check_settings_are_read_as_written,
    copy_weights,
    expect,
    find_changed_weights,
    read_settings,
    try_promises,
)
from tasks.data.images import Images, convert_to_float
from tasks.generators.base import GeneratorSettings
from tasks.generators.job import Generator, GeneratorJob, Stateful, build_generator
from tasks.generators.registry import GENERATORS
from tasks.models.build import NormalizedModel

CLOSE = 1e-5
"""By how much answers may differ with the batch, by rounding alone."""


class _StoppedError(Exception):
    """Stands for a kill."""


@dataclass
class _Kept:
    """A checkpoint in memory."""

    saved_batches: int = 0
    epochs: int = 0
    parts: dict[str, Stateful] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)

    def resume(self, parts: Mapping[str, Stateful]) -> int:
        self.parts = dict(parts)
        for name, part in self.parts.items() if self.states else ():
            part.load_state_dict(copy.deepcopy(self.states[name]))
        return self.epochs

    def begin_reading(self) -> None:
        """Nothing is kept in the middle of an epoch."""

    def note_batch(self, batches: int) -> None:
        """Nothing is kept in the middle of an epoch."""

    def stop_after_epoch(self, entry: dict[str, Any]) -> None:  # noqa: ARG002
        self.epochs += 1
        self.states = {name: copy.deepcopy(dict(part.state_dict())) for name, part in self.parts.items()}
        raise _StoppedError


@dataclass(frozen=True)
class GeneratorSubject:
    """A generator, and what it is trained on."""

    settings: GeneratorSettings
    model: NormalizedModel
    images: Images

    def build(self) -> Generator:
        """The network as it begins."""
        return build_generator(self.settings, self.images.image_shape, toy.CLASSES, 5)

    def train(self, kept: _Kept | None = None) -> tuple[Generator, list[dict[str, Any]]]:
        """The network after its epochs, and its history; it goes on from what is kept."""
        history: list[dict[str, Any]] = []
        network = self.build().train()
        network.fit(GeneratorJob(self.images, 5, self.target, history.append, kept))
        return network.eval(), history

    def train_one_epoch(self) -> _Kept:
        """What a checkpoint after the first epoch keeps."""
        kept = _Kept()
        try:
            self.build().train().fit(GeneratorJob(self.images, 5, self.target, kept.stop_after_epoch, kept))
        except _StoppedError:
            return kept
        raise BrokenPromiseError("no epoch was noted")

    @property
    def target(self) -> NormalizedModel | None:
        return self.model if self.settings.needs_target else None

    def ask(self, network: Generator, images: Tensor) -> Tensor:
        """What it answers to images float [N, C, H, W]."""
        with torch.no_grad():
            found = network(images, torch.full((1,), 0.5)) if self.settings.output == "noise" else network(images)
        expect(isinstance(found, Tensor), f"it answers {type(found).__name__}, not a tensor")
        return found  # type: ignore[no-any-return]


def check_generator(name: str, given: Mapping[str, Any]) -> list[Finding]:
    """Train a generator on twelve small images for an epoch.

    :param given: settings other than its defaults.
    """
    return try_promises("generator", name, lambda: _build_subject(name, given), CHECKS)


def _build_subject(name: str, given: Mapping[str, Any]) -> GeneratorSubject:
    filled = toy.fill_settings(GENERATORS.load(name), name, {"epochs": 1, **given})
    model = toy.build_model().requires_grad_(False)
    settings = read_settings(GENERATORS.load(name), filled).for_budget(0.1)
    return GeneratorSubject(settings, model, toy.make_images(model))


def check_settings_are_as_written(subject: GeneratorSubject) -> None:
    check_settings_are_read_as_written(subject.settings)


def check_training_leads_on_and_follows_from_the_seed(subject: GeneratorSubject) -> None:
    """One epoch changes the weights, and changes them alike each time."""
    torch.manual_seed(6)
    first, history = subject.train()
    torch.manual_seed(7)
    again, _ = subject.train()
    begin, state = subject.build().state_dict(), first.state_dict()
    expect(any(not torch.equal(state[name], begin[name]) for name in begin), "training leaves its weights as they were")
    differ = find_changed_weights(again, state)
    expect(not differ, f"other weights come each time: draw from `job.make_generator`: {', '.join(differ[:3])}")
    expect(len(history) == subject.settings.epochs, f"{len(history)} epochs were noted, not {subject.settings.epochs}")


def check_training_goes_on_from_a_checkpoint(subject: GeneratorSubject) -> None:
    """Two epochs, broken off after the first; one that never calls `job.resume` begins anew, and that is allowed."""
    longer = replace(subject, settings=subject.settings.model_copy(update={"epochs": 2}))
    torch.manual_seed(6)
    kept = longer.train_one_epoch()
    if not kept.parts:
        return
    again, history = longer.train(kept)
    expect(len(history) == 1, f"{len(history)} epochs were trained after a checkpoint of one of two: ask `job.resume`")
    torch.manual_seed(6)
    whole, _ = longer.train()
    differ = find_changed_weights(again, whole.state_dict())
    said = "after a checkpoint other weights come: name all state in `job.resume`"
    expect(not differ, f"{said}: {', '.join(differ[:3])}")


def check_answers_have_the_shape_of_images(subject: GeneratorSubject) -> None:
    """Whatever stands beside an image, and within [-1, 1] where they are perturbations."""
    network, images = subject.build().eval(), convert_to_float(subject.images.pixels)
    found = subject.ask(network, images)
    expect(found.shape == images.shape, f"the answer has the shape {list(found.shape)}, not {list(images.shape)}")
    if subject.settings.output == "perturbations":
        expect(float(found.abs().max()) <= 1, "perturbations are in units of the budget, of [-1, 1]")
    apart = torch.cat([subject.ask(network, part) for part in images.split(5)])
    far = float((apart - found).abs().max())
    expect(far <= CLOSE, f"answers differ by up to {far:.3g} with the images beside them")


def check_model_is_left_as_it_was(subject: GeneratorSubject) -> None:
    before = copy_weights(subject.model)
    subject.train()
    changed = find_changed_weights(subject.model, before)
    expect(not changed, f"it changes the model: {', '.join(changed[:5])}")


CHECKS = (
    check_settings_are_as_written,
    check_training_leads_on_and_follows_from_the_seed,
    check_training_goes_on_from_a_checkpoint,
    check_answers_have_the_shape_of_images,
    check_model_is_left_as_it_was,
)
