"""MART."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.training.examples import measure_reached
from tasks.training.objectives.mart.settings import MartSettings
from tasks.training.objectives.step import Batch, ExampleObjective, StepOutcome, assess_logits, craft_by


def build_mart(settings: MartSettings) -> ExampleObjective:
    """Boosted cross-entropy on examples, and a divergence that counts more where the clean image is misclassified."""

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        logits, adversarial = model(batch.pixels), model(batch.crafted)
        clean, other = logits.log_softmax(1), adversarial.log_softmax(1)
        divergence = F.kl_div(other, clean, reduction="none", log_target=True).sum(1)
        wrongness = 1 - clean.exp().gather(1, batch.labels[:, None])[:, 0]
        boosted = compute_boosted_loss(adversarial, batch.labels)
        loss = (boosted + settings.beta * divergence * wrongness).mean()
        accuracy = assess_logits(adversarial, batch.labels).accuracy
        return StepOutcome(loss, accuracy, measure_reached(batch.pixels, batch.crafted, settings.attack))

    return ExampleObjective(craft_by(settings.attack), compute_loss)


def compute_boosted_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """-log p_y - log(1 - p_k) of each image, k the wrong class that is said most; float [N].

    :param logits: float [N, classes].
    :param labels: int64 [N].
    """
    logs = logits.log_softmax(1)
    wrong = logs.scatter(1, labels[:, None], -torch.inf).argmax(1, keepdim=True)
    rest = logs.scatter(1, wrong, -torch.inf).logsumexp(
        1
    )  # 1 - p_k is the sum of all others: exact where p_k is near 1
    return rest.neg() - logs.gather(1, labels[:, None])[:, 0]
