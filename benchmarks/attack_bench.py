"""One comparison of attacks, and ours and the peers' on one batch of a subject."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import foolbox
import numpy as np
import torch
from art.estimators.classification import PyTorchClassifier
from torch import Tensor, nn

from benchmarks.attack_models import Subject
from tasks.attacks.engine.fast_model import prepare_model
from tasks.attacks.engine.job import AttackJob, load_attack
from tasks.attacks.engine.norms import shape_per_image
from tasks.evaluation.evaluate import estimate_passes
from tasks.evaluation.settings import AttackSettings

Attack = Callable[[], list[Tensor]]
"""Returns adversarial images, one tensor for each cell of a grid."""


@dataclass(frozen=True)
class Case:
    """One comparison on one subject."""

    name: str
    images: int
    ours: Attack
    peers: dict[str, Attack]
    targets: Mapping[str, float | None]
    """Peer -> how many times as fast we mean to be at least."""
    norm: str = ""
    """The norm whose median size is shown, for attacks without a budget."""


class Bench:
    """Our attacks and the peers', on one batch of a subject."""

    def __init__(self, subject: Subject, count: int) -> None:
        self.clean, self.labels = subject.batch(count)
        self.plain, self.model = self.clean.contiguous(), copy.deepcopy(subject.model).eval()
        self.foolbox = foolbox.PyTorchModel(self.model, bounds=(0, 1), device="cpu")
        self.one_hot = np.eye(10, dtype="float32")[self.labels.numpy()]
        shape = tuple(self.plain.shape[1:])
        model = copy.deepcopy(subject.model).eval()
        self.art = PyTorchClassifier(
            model, nn.CrossEntropyLoss(), shape, nb_classes=10, clip_values=(0, 1), device_type="cpu"
        )

    def ours(self, counts: tuple[int, ...], precision: str = "bf16", **raw: Any) -> list[Tensor]:
        """Prepare the model and attack; images after each number of steps."""
        cell = AttackSettings.model_validate(raw).simplify()
        method, index = cell.method, torch.arange(len(self.labels))
        attacked = prepare_model(self.model, self.clean, precision, estimate_passes(cell, len(index)))
        job = AttackJob(attacked, self.clean, self.labels, counts, index)
        found = load_attack(method)(job, method)
        return [found[count] for count in counts]

    def fb(self, attack: Any, eps: float | None) -> Tensor:
        """Foolbox returns a black image where it found nothing: as it was, then."""
        found: Tensor = attack(self.foolbox, self.plain, self.labels, epsilons=eps)[1]
        black = found.detach().flatten(1).amax(1) == 0
        return torch.where(shape_per_image(black), self.plain, found)

    def ta(self, attack: Any) -> Tensor:
        found: Tensor = attack(self.plain, self.labels)
        return found

    def of_art(self, attack: Any) -> Tensor:
        return torch.from_numpy(attack.generate(self.plain.numpy(), self.one_hot))
