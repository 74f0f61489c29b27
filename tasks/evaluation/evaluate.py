"""The evaluator: it, not the attack, audits the perturbations and decides which images are robust.

The judge is the trial's own model in fp32, unfolded and unprepared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tasks.arithmetic import use_tf32
from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.fast_model import PROBE_IMAGES, freeze_copy, prepare_model
from tasks.attacks.engine.frozen_copy import copy_unseen
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, load_attack, with_target_classes
from tasks.attacks.engine.norms import measure_sizes
from tasks.attacks.engine.path import AttackPath
from tasks.data.images import Images, convert_to_float
from tasks.errors import StageError
from tasks.evaluation.audit import audit_examples, find_outside_budget
from tasks.evaluation.evaluation import Evaluation, build_table, evaluate_in_memory
from tasks.evaluation.predict import Predictions, choose_images, predict
from tasks.evaluation.preview import Preview, spread_evenly
from tasks.evaluation.settings import AttackSettings


@dataclass(frozen=True)
class Helpers:
    """Other networks that an evaluation takes."""

    generator: nn.Module | None = None
    """What the attack makes its examples with, frozen."""
    witness: nn.Module | None = None
    """Pixels float [N, C, H, W] of [0, 1] -> logits float [N, classes]: an unrestricted success counts where it sees
    the label in the clean image and in the example."""


NO_GRADIENT = "does not require grad"
"""What torch says where a loss has no gradient at all."""


def prepare_attacked(model: nn.Module, images: Images, cell: AttackSettings) -> AttackedModel:
    """The model in the form in which it is attacked, held against the model itself on the first images of the split."""
    probe = convert_to_float(images.read(slice(PROBE_IMAGES)))
    return prepare_model(model, probe, cell.precision, estimate_passes(cell, len(images)))


def estimate_passes(cell: AttackSettings, available: int) -> float:
    """Passes of an image that the attack takes in all, at most; a backward pass counts as two.

    Cells that share a trajectory may be run together or not and are the same to the bit: of theirs there is no end.

    :param available: images of the split.
    """
    return math.inf if cell.method.shares_steps else cell.method.expected_passes * (cell.examples or available)


@use_tf32(False)
def evaluate(
    model: nn.Module,
    images: Images,
    cells: Sequence[AttackSettings],
    seed: int,
    std: float,
    surrogate: nn.Module | None = None,
    attacked: AttackedModel | None = None,
    helpers: Helpers | None = None,
) -> list[Evaluation]:
    """Attack the test images once; judge the outcome for each cell, in their order.

    :param model: pixels float [N, C, H, W] of [0, 1] -> logits float [N, classes]; its copy in fp32 is the judge.
    :param cells: settings that one run serves: they differ in steps, or in the budget of the verdict.
    :param seed: of the choice of images and of every random number of the attack.
    :param std: the model's normalisation, for a budget in normalised units.
    :param surrogate: the model that examples are made against; null: the model itself.
    :param attacked: what `prepare_attacked` has made of that model; null: it is made now.
    :param helpers: the generator and the witness that the cells ask for; null: they ask for neither.
    :raises StageError: the audit found a violation, or the split is smaller than `examples`.
    """
    assert len({cell.shared_text for cell in cells}) == 1, "cells of one run differ in steps or in the verdict alone"
    judge = freeze_copy(model)
    if attacked is None:
        attacked = prepare_attacked(model if surrogate is None else surrogate, images, cells[0])
    chosen = choose_images(copy_unseen(judge), images, cells[0], seed)
    shown = chosen[spread_evenly(len(chosen), math.prod(images.image_shape))]
    run = _Run(
        attacked,
        judge,
        images,
        cells,
        seed,
        std,
        transfer=surrogate is not None,
        shown=shown,
        helpers=helpers or Helpers(),
    )
    return evaluate_in_memory(run.evaluate_batch, chosen, cells[0].batch_size)


@dataclass(frozen=True)
class _Run:
    """What all batches share."""

    model: AttackedModel
    """What examples are made against."""
    judge: nn.Module
    """It answers nothing itself: each batch of clean images, and each cell's examples, have a copy that has seen no
    other images, so that a model which remembers what it saw cannot repeat its answer."""
    images: Images
    cells: Sequence[AttackSettings]
    seed: int
    std: float
    transfer: bool
    shown: Tensor
    """int64 [M]: the places of the images that are kept to be looked at."""
    helpers: Helpers

    def evaluate_batch(self, index: Tensor) -> list[Evaluation]:
        """Attack the images at these places [N] of the split; what came out for each cell."""
        job, examples = self._craft_batch(index)
        judge = copy_unseen(self.judge)
        before = predict(judge, job.clean)
        known = self._ask_witness(job.clean)
        made = [(cell, examples[cell.method.reported_steps]) for cell in self.cells]
        found = [self._judge_cell(job, before, known, adversarial, cell) for cell, adversarial in made]
        if bool(index[0] == self.shown[0]):  # of the first batch, which is enough to tell
            again = predict(judge, examples[self.cells[0].method.reported_steps]).classes.cpu().numpy()
            remembered = int((again != found[0].table["adversarial_prediction"].to_numpy()).sum())
            found = [replace(cell, remembered=remembered, asked=len(again)) for cell in found]
        return found

    def _craft_batch(self, index: Tensor) -> tuple[AttackJob, ExamplesBySteps]:
        """What is asked of the attack for the images at these places, and what it made."""
        first = self.cells[0]
        clean, labels = convert_to_float(self.images.read(index)), self.images.labels[index]
        step_counts = tuple(sorted({cell.method.reported_steps for cell in self.cells}))
        # nobody tells who attacks by transfer whether the judge is fooled: its examples are made to the end
        stop = first.stop_when_fooled and not self.transfer
        path = AttackPath(len(index))
        scale = self._get_scale(first)
        job = AttackJob(self.model, clean, labels, step_counts, index, self.seed, stop, scale, path=path)
        job = replace(job, generator=self.helpers.generator)
        job = with_target_classes(job, first.method)
        return job, craft(job.copy_tensors(), first)

    def _get_scale(self, cell: AttackSettings) -> float:
        """Pixels per unit of eps."""
        return self.std if cell.eps_space == "normalized" else 1.0

    def _judge_cell(
        self, job: AttackJob, before: Predictions, known: Tensor | None, adversarial: Tensor, cell: AttackSettings
    ) -> Evaluation:
        """:param known: what the witness sees in the clean images, int64 [N]; null where there is none."""
        delta, scale = adversarial - job.clean, self._get_scale(cell)
        audit_examples(job.clean, adversarial, cell.method, scale)
        after = predict(copy_unseen(self.judge), adversarial)
        # what is beyond the budget, or does not keep its label, does not count: the model sees the image unperturbed
        void = find_outside_budget(delta, cell.method, scale)
        seen = self._ask_witness(adversarial)
        if known is not None and seen is not None:
            void |= known.ne(job.labels) | seen.ne(job.labels)
        # the image as it is lies in every ball: what is seen wrongly without an attack is not robust
        robust = before.classes.eq(job.labels) & (after.classes.eq(job.labels) | void)
        columns: dict[str, Any] = {
            "index": job.index,
            "label": job.labels,
            "target": job.target_classes,
            "clean_prediction": before.classes,
            "clean_confidence": before.confidence,
            "adversarial_prediction": after.classes,
            "adversarial_confidence": after.confidence,
            **measure_sizes(delta),
            "robust": robust,
            "witness_clean_prediction": known,
            "witness_prediction": seen,
        }
        path = job.path.count(robust, cell.method.reported_steps) if job.path else {}
        path |= job.path.count_restarts() if job.path else {}
        return Evaluation(build_table(columns, len(delta)), self._make_preview(job, delta), path=path)

    def _ask_witness(self, images: Tensor) -> Tensor | None:
        """What the witness sees in the images, int64 [N]; null where there is none."""
        witness = self.helpers.witness
        return None if witness is None else predict(freeze_copy(witness), images).classes

    def _make_preview(self, job: AttackJob, delta: Tensor) -> Preview:
        kept = torch.isin(job.index, self.shown)
        index = job.index[kept]
        perturbation = delta[kept.to(delta.device)].cpu().numpy().astype(np.float16)
        return Preview(index.cpu().numpy(), self.images.read(index).cpu().contiguous().numpy(), perturbation)


def craft(job: AttackJob, settings: AttackSettings) -> ExamplesBySteps:
    """Images [N, C, H, W] per number of steps, as the attack says; a budget of zero leaves every image as it is.

    :raises StageError: the attack has returned something else.
    """
    method = settings.method
    if method.eps == 0:
        return dict.fromkeys(job.step_counts, job.clean)
    try:
        found: object = load_attack(method)(job, method)
    except RuntimeError as error:
        if NO_GRADIENT not in str(error):
            raise
        raise StageError(
            f"{method.name} follows gradients, and the model has none: its answer does not depend on the pixels in a "
            "way that can be differentiated (an encoding, a comparison, detach); give what has no gradient a backward "
            "pass (BPDA), or attack without gradients"
        ) from error
    if not isinstance(found, dict) or not found.keys() >= set(job.step_counts):
        wanted = f"images, or images for each of the step counts {', '.join(map(str, job.step_counts))}"
        raise StageError(f"{method.name} returned {type(found).__name__}: {wanted}, are wanted")
    return found
