"""What a training step is given and what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.attacks.base import MethodSettings
from tasks.data.images import Images
from tasks.registry import load_object
from tasks.training.examples import craft_own_examples
from tasks.training.objectives.base import ObjectiveSettings


@dataclass(frozen=True)
class Batch:
    """Some training images, as they are shown in this epoch."""

    pixels: Tensor
    """float [N, C, H, W] in [0, 1], augmented."""
    labels: Tensor
    """int64 [N]."""
    index: Tensor
    """int64 [N]: their places in the training split, on the device of the pixels."""
    is_first: bool = True
    """Whether this is the first step of an epoch: what an objective keeps of earlier steps begins anew there, so that
    a stage that is continued is the same."""
    progress: float = 1.0
    """Share of the steps of the stage that lie before this one, in [0, 1): what a schedule of an objective goes by."""
    examples: Tensor | None = None
    """float [N, C, H, W] in [0, 1]: what an `ExampleObjective` has made of the images; null before it has."""

    weights: Tensor | None = None
    """float [N]: the share of adversarial loss of each image, where an objective has drawn one for each."""

    @property
    def crafted(self) -> Tensor:
        """The examples, float [N, C, H, W]; there are some wherever a loss asks for them."""
        assert self.examples is not None, "examples are made before a loss is taken on them"
        return self.examples


@dataclass(frozen=True)
class StepOutcome:
    """Loss of one batch, and the share that is classified correctly, weighted as the loss."""

    loss: Tensor
    """float [], with a gradient."""
    accuracy: Tensor
    """float [] in [0, 1], without one."""
    eps_reached: Tensor | None = None
    """float []: the largest perturbation of the batch, in the norm of the training attack; null where no examples are
    made. `measure_reached` computes it."""


Objective = Callable[[nn.Module, Batch, torch.Generator], StepOutcome]
"""(model in training mode, batch, random numbers) -> what the step minimises."""

Craft = Callable[[nn.Module, Batch, torch.Generator], Batch]
"""(model in training mode, batch, random numbers) -> the batch with its `examples`."""


@dataclass(frozen=True)
class ExampleObjective:
    """An objective in two steps: what examples are made with need not be what the loss is taken with."""

    craft: Craft
    """Makes the examples, against the model as it is."""
    compute_loss: Objective
    """What the step minimises on such a batch."""

    def __call__(self, model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:
        """Both, one after the other."""
        return self.compute_loss(model, self.craft(model, batch, draw), draw)


def craft_by(method: MethodSettings) -> Craft:
    """The first step of an `ExampleObjective` whose examples an attack makes against the model in evaluation mode."""

    def craft(model: nn.Module, batch: Batch, draw: torch.Generator) -> Batch:
        return replace(batch, examples=craft_own_examples(model, batch.pixels, batch.labels, method, draw))

    return craft


@dataclass(frozen=True)
class ObjectiveContext:
    """What an objective may build on beside its settings."""

    model: nn.Module
    """The model in training, as it is before the first epoch."""
    images: Images
    """All images that the stage trains on; `Batch.index` are places in it."""
    surrogates: Sequence[nn.Module]
    """The other models that the settings ask for, in their order."""
    seed: int
    """Of the trial."""


def split_objective(objective: Objective) -> ExampleObjective:
    """Its two steps; the first does nothing where it has but one."""
    if isinstance(objective, ExampleObjective):
        return objective
    return ExampleObjective(lambda model, batch, draw: batch, objective)  # noqa: ARG005


def build_objective(settings: ObjectiveSettings, context: ObjectiveContext) -> Objective:
    """What a stage with these settings minimises; its module is imported now.

    The function may leave the context out, and what it returns may give loss and accuracy as a pair.
    """
    build = load_object(type(settings).build)
    takes_context = len(inspect.signature(build).parameters) > 1
    objective = build(settings, context) if takes_context else build(settings)
    if isinstance(objective, ExampleObjective):
        return objective

    def assess(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:
        found = objective(model, batch, draw)
        return found if isinstance(found, StepOutcome) else StepOutcome(*found)

    return assess


def assess_logits(logits: Tensor, labels: Tensor) -> StepOutcome:
    """Mean cross-entropy and accuracy.

    :param logits: float [N, classes], with a gradient.
    :param labels: int64 [N].
    """
    return StepOutcome(F.cross_entropy(logits, labels), logits.detach().argmax(1).eq(labels).float().mean())
