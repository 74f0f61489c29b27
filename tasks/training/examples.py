"""Adversarial examples for training and validation; verdicts on test images are the evaluator's alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.attacks.base import MethodSettings
from tasks.attacks.engine.fast_model import PROBE_IMAGES, AttackedModel, prepare_model
from tasks.attacks.engine.job import AttackJob, load_attack
from tasks.attacks.engine.norms import measure_size
from tasks.data.images import Images, convert_to_float

BATCH = 256


def craft_examples(
    target: AttackedModel,
    pixels: Tensor,
    labels: Tensor,
    method: MethodSettings,
    seed: int,
    index: Tensor | None = None,
) -> Tensor:
    """Examples of the last step, float [N, C, H, W] in [0, 1], without a gradient.

    :param target: the model against which they are made.
    :param pixels: float [N, C, H, W] in [0, 1].
    :param labels: int64 [N].
    :param index: int64 [N]; names the images to the attack's random numbers; null: 0, 1, 2, ...
    """
    count = method.reported_steps
    index = torch.arange(len(labels)) if index is None else index
    job = AttackJob(target, pixels, labels, (count,), index, seed, stop_when_fooled=False)
    return load_attack(method)(job, method)[count].detach()


def craft_own_examples(
    model: nn.Module, pixels: Tensor, labels: Tensor, method: MethodSettings, draw: torch.Generator
) -> Tensor:
    """Examples against a model in training, as it is now; its mode is restored.

    :param pixels: float [N, C, H, W] in [0, 1].
    :param labels: int64 [N].
    :returns: float [N, C, H, W] in [0, 1], without a gradient.
    """
    model.eval()
    examples = craft_examples(AttackedModel(model, model, model), pixels, labels, method, draw_seed(draw))
    model.train()
    return examples


def measure_reached(clean: Tensor, examples: Tensor, method: MethodSettings) -> Tensor | None:
    """The largest perturbation in the norm of the attack, float []; null where there are no examples.

    :param clean: float [N, C, H, W] in [0, 1].
    :param examples: float [N, C, H, W] in [0, 1].
    """
    return measure_size((examples - clean).detach(), method.norm).max().float() if len(clean) else None


def draw_seed(draw: torch.Generator) -> int:
    """A seed of 62 bits for the random numbers of one call of an attack."""
    return int(torch.randint(0, 2**62, (), generator=draw))


def craft_all_examples(model: nn.Module, images: Images, method: MethodSettings, seed: int) -> Tensor:
    """An example of every image, made against the model as it is, float [N, C, H, W] in [0, 1]."""
    target = prepare_model(model, convert_to_float(images.pixels[:PROBE_IMAGES]))
    parts = [
        craft_examples(target, convert_to_float(images.pixels[index]), images.labels[index], method, seed, index)
        for index in torch.arange(len(images)).split(BATCH)
    ]
    return torch.cat(parts)


def measure_robust_accuracy(model: nn.Module, images: Images, method: MethodSettings, seed: int) -> float | None:
    """The share of images that is classified correctly under attack; null where there are none."""
    if not len(images):
        return None
    target = prepare_model(model, convert_to_float(images.pixels[:PROBE_IMAGES]))
    correct = 0
    for index in torch.arange(len(images)).split(BATCH):
        labels = images.labels[index]
        examples = craft_examples(target, convert_to_float(images.pixels[index]), labels, method, seed, index)
        correct += int((~target.is_adversarial(examples, labels)).sum())
    return correct / len(images)
