"""Adversarial examples for training and validation; verdicts on test images are the evaluator's alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.arithmetic import compute_in_parts
from tasks.attacks.base import MethodSettings
from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.fast_model import PROBE_IMAGES, prepare_model
from tasks.attacks.engine.job import AttackJob, draw_random_starts, load_attack
from tasks.attacks.engine.loop import run_gradient_attack
from tasks.attacks.engine.norms import measure_size
from tasks.attacks.gradient.craft import make_rule
from tasks.attacks.gradient.settings import IterativeSettings, RestartedSettings
from tasks.data.images import Images, convert_to_float
from tasks.transfer import send

BATCH = 256
NUDGE = 0.001
"""Standard deviation of the noise from which a divergence is raised: it has no gradient at the image itself."""


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
    attacked, method = AttackedModel(model, model, model), method.resolve_for_training()
    examples = craft_examples(attacked, pixels, labels, method, draw_seed(draw))
    model.train()
    return examples


def craft_divergent_examples(
    model: nn.Module, pixels: Tensor, method: IterativeSettings, draw: torch.Generator, answers: Tensor
) -> Tensor:
    """Examples on which a model in training diverges from given answers; its mode is restored.

    They start from a random point where the attack does, else from the image and a little noise (Zhang et al. 2019).

    :param pixels: float [N, C, H, W] in [0, 1].
    :param answers: logits float [N, classes], without a gradient.
    :returns: float [N, C, H, W] in [0, 1], without a gradient.
    """

    def raise_divergence(logits: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor:  # noqa: ARG001
        return compute_divergence(answers, logits).sum()

    model.eval()
    nobody = torch.zeros(len(pixels), dtype=torch.int64, device=pixels.device)
    steps, index = method.reported_steps, torch.arange(len(pixels))
    target = AttackedModel(model, model, model)
    job = AttackJob(target, pixels, nobody, (steps,), index, draw_seed(draw), stop_when_fooled=False)
    rule = make_rule(job, method.resolve_for_training())
    if isinstance(method, RestartedSettings) and method.random_start:
        start = draw_random_starts(job, rule.norm, rule.eps, 0)
    else:
        start = NUDGE * send(torch.randn(pixels.shape, generator=draw), pixels.device)
    examples = run_gradient_attack(target, pixels, nobody, rule, (steps,), start=start, loss=raise_divergence)[
        steps
    ].detach()
    model.train()
    return examples


def compute_divergence(logits: Tensor, others: Tensor) -> Tensor:
    """KL(softmax(logits) || softmax(others)) of each image, float [N].

    :param logits: float [N, classes].
    :param others: float [N, classes].
    """
    divergence = F.kl_div(others.log_softmax(1), logits.log_softmax(1), reduction="none", log_target=True)
    return divergence.sum(1)


def compute_input_gradient(model: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the summed cross-entropy, with the model in the mode that it is in; float [N, C, H, W].

    :param pixels: float [N, C, H, W].
    :param labels: int64 [N].
    """
    pixels = pixels.detach().requires_grad_(True)
    loss = F.cross_entropy(model(pixels), labels, reduction="sum")
    return torch.autograd.grad(loss, pixels)[0]


def draw_uniform(pixels: Tensor, eps: float, draw: torch.Generator) -> Tensor:
    """Noise of the shape and on the device of the images, float [N, C, H, W] in [-eps, eps]."""
    return send(torch.empty(pixels.shape).uniform_(-eps, eps, generator=draw), pixels.device)


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
    method = method.resolve_for_training()
    target = prepare_model(model, convert_to_float(images.read(slice(PROBE_IMAGES))))

    def craft(batch: slice) -> Tensor:
        pixels, index = convert_to_float(images.read(batch)), torch.arange(batch.start, batch.stop)
        return craft_examples(target, pixels, images.labels[batch], method, seed, index)

    return torch.cat(list(compute_in_parts(craft, len(images), BATCH)))


def measure_robust_accuracy(model: nn.Module, images: Images, method: MethodSettings, seed: int) -> float | None:
    """The share of images that is classified correctly under attack; null where there are none."""
    if not len(images):
        return None
    target = prepare_model(model, convert_to_float(images.read(slice(PROBE_IMAGES))))

    def count_fooled(batch: slice) -> int:
        pixels, index = convert_to_float(images.read(batch)), torch.arange(batch.start, batch.stop)
        examples = craft_examples(target, pixels, images.labels[batch], method, seed, index)
        return target.find_adversarial(examples, images.labels[batch])[1]

    fooled = sum(compute_in_parts(count_fooled, len(images), BATCH))
    return (len(images) - fooled) / len(images)
