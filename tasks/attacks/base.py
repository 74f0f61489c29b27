"""What all attacks have in common: a norm, a budget, perhaps a class to reach.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

from pydantic_core import PydanticCustomError
from typing_extensions import Self

from tasks.generators.base import GeneratorSettings, Output
from tasks.settings import Count, Number, Settings, added, keyed

TargetRule = Literal["next", "least_likely", "random"]
"""next: label + 1, the first after the last; least_likely: what the model says least of the clean image, the label
left out; random: any class but the label, drawn from the seed and the place of the image."""

Access = Literal["gradient", "logits", "label", "none", "generator"]
"""What an attack asks of the model, from the most to the least: its gradients, its logits alone, the predicted class
alone, or nothing that would lead it anywhere, as noise does. generator: its examples come by way of a generator, which
holds them to what it has learnt, so that what follows the gradient freely should find at least as much."""

UNRESTRICTED = "unrestricted"
"""In the place of a norm: examples have no ball, and count where a witness sees the label in them."""

MOST_VALUES = 3 * 1024 * 1024
"""Of the largest images that a data set may have."""

ERASING_EPS = {"linf": 0.5}
"""Norm -> a budget at which any image can become any other shade of grey: no classifier can stand it."""


class MethodSettings(Settings):
    """Base of all attacks: a norm and a budget.

    The class variables say what others must know of an attack: the verdicts on its numbers, the cells that `--verify`
    adds, the plan and the documentation ask them, and nothing outside of the attack's folder knows its name.
    """

    craft: ClassVar[str]
    """`module:function` that crafts with these settings, imported when an attack stage runs."""
    paper: ClassVar[str] = ""
    """Who described the attack, and where: `Madry et al. 2018, arXiv 1706.06083`; empty where nobody in particular."""
    access: ClassVar[Access] = "gradient"
    """What it asks of the model. An attack that asks less should not find more: where it does, gradients are masked."""
    iterative: ClassVar[bool | None] = True
    """Whether it takes many steps. If so, it should find at least what a single step finds, and twice the steps should
    find nothing new; if not, a large step may go too far, so that a larger budget may find less. null: nobody has said,
    and no check takes it for either."""
    bounded: ClassVar[bool] = True
    """Whether examples are made for a budget. If not, the smallest perturbation found is returned: the evaluator
    compares it with the budget, so that one run serves every budget."""
    shares_steps: ClassVar[bool] = False
    """Whether the state after k steps of a longer run is the run of k steps."""
    in_gradient_loop: ClassVar[bool] = False
    """Whether it walks the one loop of `engine/loop.py`: `stop_when_fooled` and `precision` matter to no other."""
    probe: ClassVar[Mapping[str, Any] | None] = None
    """Settings with which `--verify` adds this attack beside an iterative one of the same norm and budget: cheap, and
    enough to notice masked gradients, not to measure robustness. null: it is not added."""
    random_form: ClassVar[Mapping[str, Any] | None] = None
    """Settings with which it follows the mean of many looks at a model that answers at random; null: it has none."""
    bound: ClassVar[Literal["upper", "lower"]] = "upper"
    """What robust accuracy is of the true one: an attack may miss examples, so `upper`; a certificate may miss robust
    images, so `lower`."""
    settles: ClassVar[bool] = False
    """Whether it needs no choice of step size and tries every target: what a verdict recommends where others fall
    short."""
    generator_output: ClassVar[Output | None] = None
    """What the generator that it needs must answer; null: it needs none."""
    revision: ClassVar[int] = 1
    """Raised when the same settings of this attack give other examples than before; part of the key from 2 on."""

    name: str = keyed()
    norm: Literal["linf", "l2", "l1", "l0", "unrestricted"] = keyed("linf")
    eps: Number | None = keyed(ge=0)
    """Budget: the largest size of a perturbation in pixels of [0, 1], or the number of changed values for l0."""

    @classmethod
    def norms(cls) -> tuple[str, ...]:
        """The norms that its budget may be in."""
        return get_args(cls.model_fields["norm"].annotation)

    @classmethod
    def is_single_step(cls) -> bool:
        """Whether it follows the gradient once, within a budget."""
        return cls.access == "gradient" and cls.bounded and cls.iterative is False

    @classmethod
    def is_iterative_white_box(cls) -> bool:
        """Whether it follows the gradient in many steps, within a budget: what weaker attacks are held against."""
        return cls.access == "gradient" and cls.bounded and cls.iterative is True

    @property
    def reported_steps(self) -> int:
        """What the `attack_steps` column shows."""
        return int(getattr(self, "steps", 1)) if self.eps != 0 else 0

    @property
    def averaged_looks(self) -> int:
        """Looks at a model that answers at random whose mean gradient the attack follows."""
        return 1

    @property
    def required_generator(self) -> GeneratorSettings | None:
        """The generator that it makes examples with: a stage of its own, which runs before; null: it needs none."""
        return None

    @property
    def longest_path(self) -> float | None:
        """How far the steps can go in all, in the unit of eps; null where they reach the budget by themselves."""
        return None

    def resolve_for_evaluation(self) -> Self:
        """The settings with what they leave open written out as an evaluation has it."""
        return self

    def resolve_for_training(self) -> Self:
        """The settings with what they leave open written out as adversarial training has it."""
        return self

    @property
    def expected_passes(self) -> float:
        """Image passes of a first estimate of time, a backward pass counted as two; who leaves early is not known."""
        return 3.0 * self.reported_steps

    def _dump(self, *, keyed_only: bool, with_code: bool) -> dict[str, Any]:
        found = super()._dump(keyed_only=keyed_only, with_code=with_code)
        return found | {"revision": self.revision} if keyed_only and self.revision > 1 else found

    def simplify(self) -> Self:
        """Drop what cannot matter: all else where the budget is 0, the rule of a target that is not sought."""
        if self.eps == 0:
            return type(self)(**{name: getattr(self, name) for name in ("name", "norm", "eps")})
        if isinstance(self, TargetedSettings) and not self.targeted:
            return self.model_copy(update={"target_rule": "next"})
        return self

    def shared(self) -> dict[str, Any]:
        """The canonical settings without those that cells of one run may differ in."""
        content = self.canonical()
        if self.shares_steps:
            content.pop("steps")
        if not self.bounded and self.eps != 0:
            content.pop("eps")
        return content


def find_budget_problem(method: MethodSettings, values: int = MOST_VALUES, unit: float = 1.0) -> str | None:
    """Why no image of [0, 1] can need so large a budget; null where one may.

    :param values: of an image, each colour alone.
    :param unit: pixels per unit of eps.
    """
    largest = {"linf": 1.0, "l2": math.sqrt(values), "l1": values, "l0": values}.get(method.norm)
    if method.eps is None or largest is None:
        return None
    if method.norm == "l0":  # a count has no unit
        unit = 1.0
        if method.eps != round(method.eps):
            return "l0 counts values: give a whole number"
    if method.eps * unit <= largest * (1 + 1e-9):
        return None
    problem = f"no image of [0, 1] needs a budget above {largest / unit:.4g} in {method.norm}"
    return f"{problem}; did you mean {method.eps:g}/255?" if method.norm == "linf" and method.eps <= 255 else problem


def check_budget(method: MethodSettings, values: int = MOST_VALUES, unit: float = 1.0, path: str | None = None) -> None:
    """Refuse a budget that no image can need; the parameters as for `find_budget_problem`.

    :param path: of the attack in the file, where the place of the error does not say it.
    :raises PydanticCustomError: of the type `budget`.
    """
    problem = find_budget_problem(method, values, unit)
    if problem:
        raise PydanticCustomError("budget", "{text}", {"text": problem, "eps": method.eps, "path": path})


class TargetedSettings(MethodSettings):
    """An attack that may be told which class to reach."""

    targeted: bool = keyed(False)
    """true: an image is finished when the model says the target; robust accuracy still counts the label."""
    target_rule: TargetRule = keyed("next")


class MinimalSettings(MethodSettings):
    """An attack without a budget of its own, which looks for the smallest perturbation."""

    bounded = False
    eps: Number | None = keyed(None, ge=0)
    """The budget of the verdict; null: a perturbation of any size counts."""

    @property
    def takes_any_size(self) -> bool:
        """Whether nothing limits a perturbation, so that an attack which works fools every image."""
        return self.eps is None


class TargetedMinimalSettings(MinimalSettings, TargetedSettings):
    """Both."""


class ConstantSettings(TargetedMinimalSettings):
    """Base of the attacks that weigh the size of the perturbation against being fooled, by a constant they look for."""

    steps: Count = keyed(1000, ge=1, le=100_000)
    """For each constant."""
    binary_search_steps: Count = keyed(9, ge=1, le=100)
    """Constants tried."""
    step_size: Number = keyed(0.01, gt=0)
    confidence: Number = keyed(0.0, ge=0)
    """By how much the logit of the wrong class must lead."""
    initial_const: Number = keyed(1e-3, gt=0)
    abort_early: bool = added(False)
    """Whether an image is done with a constant when a tenth of the steps brought neither a lower loss nor a smaller
    success: faster, and perturbations a little larger."""

    @property
    def expected_passes(self) -> float:
        return super().expected_passes * self.binary_search_steps
