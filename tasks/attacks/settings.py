"""What a search space says about attacks: how examples are made, and on what they are evaluated.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import Self

from tasks.settings import ByName, Count, Number, Settings, keyed, unkeyed


class MethodSettings(Settings):
    """Base of all attacks: a norm and a budget."""

    craft: ClassVar[str]
    """`module:function` that crafts with these settings, imported when an attack stage runs."""
    shares_steps: ClassVar[bool] = False
    """Whether the state after k steps of a longer run is the run of k steps."""

    name: str = keyed()
    norm: Literal["linf", "l2"] = keyed("linf")
    eps: Number = keyed(ge=0)
    """Budget: the largest size of a perturbation, in pixels of [0, 1]."""

    @property
    def label_steps(self) -> int:
        """What the `attack_steps` column shows."""
        return int(getattr(self, "steps", 1)) if self.eps else 0

    def normalized(self) -> Self:
        """Without a budget every other setting is meaningless."""
        if self.eps:
            return self
        kept = {name: getattr(self, name) for name in ("name", "norm", "eps")}
        return type(self)(**kept)


class FgsmSettings(MethodSettings):
    """One step of the size of the budget (Goodfellow et al. 2015, arXiv 1412.6572)."""

    craft = "tasks.attacks.gradient:fgsm"
    name: Literal["fgsm"] = keyed("fgsm")


class IfgsmSettings(MethodSettings):
    """Iterated FGSM, also known as BIM, from the image itself (Kurakin et al. 2017, arXiv 1607.02533)."""

    craft = "tasks.attacks.gradient:pgd"
    shares_steps = True
    name: Literal["ifgsm"] = keyed("ifgsm")
    steps: Count = keyed(10, ge=1, le=10_000)
    step_size: Number | None = keyed(None, gt=0)
    """In pixels of [0, 1]; null: a quarter of the budget, whatever the number of steps."""


class PgdSettings(IfgsmSettings):
    """Projected gradient descent from random starts (Madry et al. 2018, arXiv 1706.06083)."""

    name: Literal["pgd"] = keyed("pgd")  # type: ignore[assignment]
    random_start: bool = keyed(True)
    restarts: Count = keyed(1, ge=1, le=1000)
    """Independent runs; an image is robust only if it withstands every one."""


METHODS: dict[str, type[Settings]] = {"fgsm": FgsmSettings, "ifgsm": IfgsmSettings, "pgd": PgdSettings}
"""Name in a search space -> settings. To add an attack: write its settings here and its crafting in a module."""

Method = Annotated[MethodSettings, ByName("attack", METHODS)]


class AttackSettings(Settings):
    """The evaluation of a trial: an attack, the images it is run on, and what counts as success."""

    method: Method = keyed()
    examples: Count | None = keyed(None, ge=1)
    """Test images that are attacked, chosen by the seed of the trial; null: all of the test split."""
    only_correct: bool = keyed(False)
    """Evaluate only images that the model classifies correctly, as some studies do; accuracies are then over these."""
    stop_when_fooled: bool = keyed(True)
    """true: an image counts as fooled when any iterate fools the model, and leaves the batch (as AutoAttack counts);
    false: only the last iterate counts."""
    eps_space: Literal["pixel", "normalized"] = keyed("pixel")
    """normalized: eps and step size are in units of the normalised input, so they are multiplied by `model.std`."""
    precision: Literal["fp32", "bf16"] = keyed("fp32")
    """Precision of crafting; verdicts are always in fp32."""
    batch_size: Count = unkeyed(256, ge=1)

    def normalized(self) -> Self:
        """Drop what cannot matter without a budget."""
        changes: dict[str, Any] = {"method": self.method.normalized()}
        if not self.method.eps:
            changes |= {"stop_when_fooled": True, "eps_space": "pixel", "precision": "fp32"}
        return self.model_copy(update=changes)

    def trajectory(self) -> dict[str, Any]:
        """The canonical settings without `steps` where cells that differ only there share one run."""
        content = self.canonical()
        if self.method.shares_steps:
            content.pop("steps")
        return content
