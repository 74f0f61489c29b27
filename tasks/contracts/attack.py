"""What an attack promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tasks.attacks.base import UNRESTRICTED, MethodSettings
from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.registry import ATTACKS
from tasks.contracts import toy
from tasks.contracts.contract import (
    Finding,
    check_settings_are_read_as_written,
    copy_weights,
    expect,
    find_changed_weights,
    read_settings,
    try_promises,
)
from tasks.data.images import Images, convert_to_float
from tasks.errors import StageError
from tasks.evaluation.audit import audit_examples
from tasks.evaluation.evaluate import craft, prepare_attacked
from tasks.evaluation.settings import AttackSettings
from tasks.generators.job import build_generator
from tasks.models.build import NormalizedModel

BUDGETS = {"linf": 0.1, "l2": 0.6, "l1": 3.0, "l0": 6.0}
"""Norm -> a budget at which some of the images of 8x8 pixels are fooled."""
CLOSE = 1e-4
"""By how much pixels may differ with the batch, by rounding alone."""
MOST_TIES = toy.IMAGES // 4
"""Images that may differ more: rounding decides a tie of two steps of a search."""


@dataclass(frozen=True)
class AttackSubject:
    """An attack, and a model on which it is tried."""

    cls: type[MethodSettings]
    cells: Mapping[str, AttackSettings]
    """Norm -> the evaluation in it."""
    model: NormalizedModel
    attacked: AttackedModel
    images: Images
    weights: tuple[Mapping[str, Tensor], Mapping[str, Tensor]]
    """Of the model and of where gradients come from, as they were before any run."""
    _crafted: dict[str, Mapping[int, Tensor]] = field(default_factory=dict)

    def make_job(self, cell: AttackSettings, step_counts: tuple[int, ...] = ()) -> AttackJob:
        """All images to attack."""
        index = torch.arange(len(self.images))
        clean, counts = convert_to_float(self.images.pixels), step_counts or (cell.method.reported_steps,)
        asked = cell.method.required_generator
        made = None if asked is None else build_generator(asked, self.images.image_shape, toy.CLASSES, 5).eval()
        stop = cell.stop_when_fooled
        return AttackJob(self.attacked, clean, self.images.labels, counts, index, 5, stop, generator=made)

    def craft_once(self, norm: str) -> Mapping[int, Tensor]:
        """Number of steps -> images, float [N, C, H, W], as the first run in a norm left them."""
        if norm not in self._crafted:
            cell = self.cells[norm]
            self._crafted[norm] = craft(self.make_job(cell).copy_tensors(), cell)
        return self._crafted[norm]

    def run(self, cell: AttackSettings, job: AttackJob | None = None) -> Tensor:
        """Images after all steps, float [N, C, H, W]."""
        job = job or self.make_job(cell)
        return craft(job.copy_tensors(), cell)[job.step_counts[-1]]


def check_attack(name: str, given: Mapping[str, Any]) -> list[Finding]:
    """Try an attack on twelve small images, in each norm that its settings name.

    :param given: settings other than its defaults.
    """
    return try_promises("attack", name, lambda: _build_subject(name, given), CHECKS)


def _build_subject(name: str, given: Mapping[str, Any]) -> AttackSubject:
    cls = ATTACKS.load(name)
    filled = toy.fill_settings(cls, name, given)
    chosen = read_settings(cls, filled).norm
    if chosen == UNRESTRICTED:
        filled |= {"witness": {"model": {"name": "resnet8"}}}
    norms = (chosen,) if "norm" in given or cls.norms() == MethodSettings.norms() else cls.norms()
    budgets = {norm: {} if "eps" in given or norm not in BUDGETS else {"eps": BUDGETS[norm]} for norm in norms}
    cells = {norm: read_settings(AttackSettings, filled | {"norm": norm} | budgets[norm]) for norm in norms}
    model = toy.build_model()
    images = toy.make_images(model)
    attacked = prepare_attacked(model, images, cells[norms[0]])
    weights = copy_weights(model), copy_weights(attacked.gradient)
    return AttackSubject(cls, cells, model, attacked, images, weights)


def check_settings_are_as_written(subject: AttackSubject) -> None:
    for cell in subject.cells.values():
        check_settings_are_read_as_written(cell.method)
        once = cell.method.simplify()
        expect(once.simplify() == once, "simplified twice they differ from simplified once")


def check_examples_are_within_ball_and_pixels(subject: AttackSubject) -> None:
    """By the same audit as in an evaluation."""
    for norm, cell in subject.cells.items():
        job = subject.make_job(cell)
        try:
            for images in subject.craft_once(norm).values():
                expect(isinstance(images, Tensor), f"{norm}: returns {type(images).__name__}, not images")
                audit_examples(job.clean, images, cell.method, job.scale)
        except StageError as error:
            expect(False, f"{norm}: {error}")


def check_examples_follow_from_the_seed(subject: AttackSubject) -> None:
    for norm, cell in subject.cells.items():
        first = subject.craft_once(norm)[subject.make_job(cell).step_counts[-1]]
        torch.manual_seed(7)
        expect(
            torch.equal(first, subject.run(cell)),
            f"{norm}: other examples come each time: draw from `tasks.seeds.make_generator` by `job.seed`",
        )


def check_examples_do_not_depend_on_the_batch(subject: AttackSubject) -> None:
    """The size of a batch is in no key."""
    for norm, cell in subject.cells.items():
        job = subject.make_job(cell)
        parts = [subject.run(cell, job.select(places)) for places in torch.arange(len(subject.images)).chunk(3)]
        far = (torch.cat(parts) - subject.craft_once(norm)[job.step_counts[-1]]).abs().flatten(1).amax(1)
        differ = int((far > CLOSE).sum())
        expect(
            differ <= MOST_TIES,
            f"{norm}: {differ} of {len(far)} images differ by up to {float(far.max()):.3g} with the images beside them",
        )


def check_fewer_steps_are_on_the_way(subject: AttackSubject) -> None:
    """One run serves several numbers of steps, where the settings say so."""
    for norm, cell in subject.cells.items():
        steps = cell.method.reported_steps
        if not subject.cls.shares_steps or steps < 2:
            continue
        fewer = steps // 2
        on_the_way = craft(subject.make_job(cell, (fewer, steps)).copy_tensors(), cell)[fewer]
        alone = read_settings(AttackSettings, cell.document() | {"steps": fewer})
        far = float((on_the_way - subject.run(alone)).abs().max())
        expect(far <= CLOSE, f"{norm}: after {fewer} of {steps} steps pixels differ by {far:.3g} from a run of {fewer}")


def check_model_is_left_as_it_was(subject: AttackSubject) -> None:
    """By none of the runs so far."""
    for model, known in zip((subject.model, subject.attacked.gradient), subject.weights, strict=True):
        changed = find_changed_weights(model, known)
        expect(not changed, f"it changes the model: {', '.join(changed[:5])}")
        expect(not model.training, "it leaves the model in training mode")


CHECKS = (
    check_settings_are_as_written,
    check_examples_are_within_ball_and_pixels,
    check_examples_follow_from_the_seed,
    check_examples_do_not_depend_on_the_batch,
    check_fewer_steps_are_on_the_way,
    check_model_is_left_as_it_was,
)
