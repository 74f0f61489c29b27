"""What all training has in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import model_validator
from typing_extensions import Self

from tasks.part_names import ByName
from tasks.registry import Registry
from tasks.settings import Count, Number, Settings, keyed
from tasks.settings_rules import refuse
from tasks.training.schedules import ConstantSettings, MultistepSettings, Schedule


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
            refuse("nesterov needs a momentum above 0", "nesterov", "momentum")
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


OPTIMIZERS: Registry[type[Settings]] = Registry(
    "optimizer", {"sgd": SgdSettings, "adam": AdamSettings, "adamw": AdamWSettings}, extensible=False
)
Optimizer = Annotated[SgdSettings | AdamSettings | AdamWSettings, ByName(OPTIMIZERS)]


class BasicSettings(Settings):
    """What all training has in common."""

    epochs: Count = keyed(ge=0, le=1_000_000)
    batch_size: Count = keyed(64, ge=1, le=1_000_000)
    optimizer: Optimizer = keyed()
    schedule: Schedule = keyed(ConstantSettings())
    precision: Literal["fp32", "tf32", "bf16"] = keyed("fp32")
    """Of the steps. tf32: sums of products keep 10 bits on GPUs that have it; on a CPU it is fp32. bf16: autocast of
    the forward pass; weights stay in fp32. What is validated, and every verdict, is in fp32."""

    def list_idle(self) -> dict[str, str]:
        if isinstance(self.schedule, MultistepSettings) and 0 < self.epochs <= self.schedule.milestones[0]:
            return {"schedule": f"its first milestone comes after epoch {self.epochs - 1}, the last as counted from 0"}
        return {}
