"""What a search space says about training, fine-tuning and adversarial fine-tuning."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from tasks.attacks.settings import Method
from tasks.settings import ByName, Count, Number, Settings, keyed


class SgdSettings(Settings):
    """Stochastic gradient descent, as torch.optim.SGD."""

    name: Literal["sgd"] = keyed("sgd")
    lr: Number = keyed(0.01, gt=0)
    momentum: Number = keyed(0.0, ge=0, lt=1)
    weight_decay: Number = keyed(0.0, ge=0)
    nesterov: bool = keyed(False)

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise PydanticCustomError("nesterov", "nesterov needs a momentum above 0")
        return self


class AdamSettings(Settings):
    """Adam, as torch.optim.Adam (Kingma and Ba 2015, arXiv 1412.6980)."""

    name: Literal["adam"] = keyed("adam")
    lr: Number = keyed(1e-3, gt=0)
    beta1: Number = keyed(0.9, ge=0, lt=1)
    beta2: Number = keyed(0.999, ge=0, lt=1)
    eps: Number = keyed(1e-8, gt=0)
    weight_decay: Number = keyed(0.0, ge=0)


class AdamWSettings(AdamSettings):
    """Adam with decoupled weight decay, as torch.optim.AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101)."""

    name: Literal["adamw"] = keyed("adamw")  # type: ignore[assignment]
    weight_decay: Number = keyed(0.01, ge=0)


OPTIMIZERS: dict[str, type[Settings]] = {"sgd": SgdSettings, "adam": AdamSettings, "adamw": AdamWSettings}
Optimizer = Annotated[SgdSettings | AdamSettings | AdamWSettings, ByName("optimizer", OPTIMIZERS)]


class ConstantSettings(Settings):
    """The learning rate of the optimizer, unchanged."""

    name: Literal["constant"] = keyed("constant")


class CosineSettings(Settings):
    """A linear rise over `warmup` of the steps, then half a cosine down to zero."""

    name: Literal["cosine"] = keyed("cosine")
    warmup: Number = keyed(0.0, ge=0, lt=1)


class MultistepSettings(Settings):
    """The rate is multiplied by `gamma` at each milestone."""

    name: Literal["multistep"] = keyed("multistep")
    milestones: tuple[Count, ...] = keyed()
    """Epochs, counted from 0."""
    gamma: Number = keyed(0.1, gt=0)


SCHEDULES: dict[str, type[Settings]] = {
    "constant": ConstantSettings,
    "cosine": CosineSettings,
    "multistep": MultistepSettings,
}
Schedule = Annotated[ConstantSettings | CosineSettings | MultistepSettings, ByName("schedule", SCHEDULES)]


class TrainSettings(Settings):
    """Standard training with cross-entropy."""

    epochs: Count = keyed(ge=0)
    batch_size: Count = keyed(64, ge=1)
    optimizer: Optimizer = keyed()
    schedule: Schedule = keyed(ConstantSettings())
    precision: Literal["fp32", "bf16"] = keyed("fp32")
    """bf16: autocast of the forward pass; weights stay in fp32."""

    def normalized(self) -> Self | None:
        """Null where nothing would be trained."""
        return self if self.epochs else None


class FinetuneSettings(TrainSettings):
    """Training of a model that is already trained; what was pruned stays pruned."""


class AdversarialFinetuneSettings(TrainSettings):
    """Fine-tuning on (1 - lambda) L_clean + lambda L_adv, the examples made on the fly.

    Goodfellow et al. 2015 (arXiv 1412.6572) for the mixed loss, Madry et al. 2018 (arXiv 1706.06083) for the examples.
    """

    weight: Number = keyed(alias="lambda", ge=0, le=1)
    """Share of the adversarial loss."""
    attack: Method | None = keyed(None)
    """How the examples are made; null only where lambda is 0."""

    @model_validator(mode="after")
    def _examples_need_an_attack(self) -> Self:
        if self.weight > 0 and self.attack is None:
            raise PydanticCustomError("no_attack", "lambda above 0 needs `attack`: how the examples are made")
        return self

    def normalized(self) -> Self | None:
        """Without an adversarial share, or without a budget, how the examples are made cannot matter."""
        if not self.epochs:
            return None
        if self.weight == 0 or self.attack is None or self.attack.eps == 0:
            changes: dict[str, Any] = {"weight": 0.0, "attack": None}
            return self.model_copy(update=changes)
        return self
