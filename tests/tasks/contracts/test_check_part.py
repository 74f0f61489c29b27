"""A part that breaks a promise is caught."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.attacks.base import MethodSettings
from tasks.contracts.check_part import check_part
from tasks.contracts.contract import Finding
from tasks.data.function import FunctionSource
from tasks.models.registry import Architecture
from tasks.settings import keyed, unkeyed
from tasks.training.objectives.base import ObjectiveSettings
from tasks.transformations.base import TransformationSettings
from tests.support.registries import REGISTRIES


class StrangeNetwork(nn.Module):
    """A network that is right but for what `how` says."""

    def __init__(self, channels: int, classes: int, how: str) -> None:
        super().__init__()
        self.how, self.drawn = how, torch.Generator().manual_seed(torch.seed() if how == "seed" else 0)
        self.layer = nn.Linear(channels, classes)
        self.hidden = torch.randn(classes) if how == "hidden" else None
        with torch.no_grad():
            if how == "seed":
                self.layer.weight += torch.randn(self.layer.weight.shape, generator=self.drawn)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layer(x.mean((2, 3)))
        changes: dict[str, Callable[[], Tensor]] = {
            "shape": lambda: logits[:, :2],
            "nan": lambda: logits * torch.nan,
            "noise": lambda: logits + torch.randn_like(logits),
            "batch": lambda: logits - logits.mean(0),
            "detached": lambda: F.linear(x.detach().mean((2, 3)), self.layer.weight, self.layer.bias),
            "frozen": lambda: F.linear(x.mean((2, 3)), self.layer.weight.detach(), self.layer.bias.detach()),
            "hidden": lambda: logits if self.hidden is None else logits + self.hidden,
            "double": lambda: logits.double(),
            "list": lambda: list(logits),  # type: ignore[dict-item,return-value]
            "black": lambda: logits / (x + 1).mean((1, 2, 3))[:, None],
            "white": lambda: logits / (x - 1).mean((1, 2, 3))[:, None],
            "one image": lambda: torch.cat([logits[:1].detach(), logits[1:]]),
            "edge": lambda: logits + (x.mean((2, 3)) * 0).sum(1, keepdim=True).sqrt(),
            "in place": lambda: F.linear(x.clamp_(-0.5, 0.5).mean((2, 3)), self.layer.weight, self.layer.bias),
        }
        return changes.get(self.how, lambda: logits)()


MODELS = {
    "shape": "returns [4, 2] for 4 images, not [4, 10]",
    "nan": "NaN or infinite logits",
    "noise": "answers differently each time",
    "batch": "with the images beside it",
    "detached": "no gradient reaches the pixels",
    "frozen": "no gradient reaches network.layer.weight, network.layer.bias",
    "hidden": "is a tensor neither a parameter nor a buffer?",
    "double": "returns torch.float64, not float32",
    "list": "returns list, not logits",
    "black": "returns NaN or infinite logits for pixels of 0",
    "white": "returns NaN or infinite logits for pixels of 1",
    "one image": "the gradient is zero in 1 of 4 images",
    "edge": "the gradient of the pixels is NaN or infinite",
    "in place": "it changes the images",
    "seed": "draw them from torch's global generator",
}


def list_problems(kind: str, part: Any, given: Mapping[str, Any] | None = None) -> str:
    """What is found wrong with a part that is registered for this, under the name that its settings have."""
    REGISTRIES[kind].add("strange", part)
    try:
        found: list[Finding] = check_part(kind, "strange", given or {}, None)
    finally:
        REGISTRIES[kind].remove("strange")
    return "\n".join(each.problem for each in found if each.problem)


@pytest.mark.parametrize("how", ["", *MODELS])
def test_a_broken_model_is_caught(how: str) -> None:
    def build(channels: int, classes: int, stem: str) -> nn.Module:  # noqa: ARG001
        return StrangeNetwork(channels, classes, how)

    found = list_problems("model", Architecture(build, has_one_stem=True))
    assert MODELS[how] in found if how else not found, found
    if how in ("shape", "nan", "double", "list"):
        assert "\n" not in found, "what gives no logits is told once, and not by every promise that needs some"


def test_a_model_that_cannot_be_built_is_one_line() -> None:
    found = list_problems("model", Architecture(lambda: nn.Linear(1, 1)))  # type: ignore[arg-type,misc]
    assert "TypeError" in found
    assert "\n" not in found


def make_pixels(how: str, draws: list[int]) -> tuple[Tensor, Tensor]:
    draws.append(0)
    draw = torch.Generator().manual_seed(len(draws) if how == "other each time" else 0)
    pixels, labels = torch.randint(0, 256, (20, 1, 9, 9), generator=draw), torch.arange(20) % 2
    if how == "fractions":
        pixels = pixels // 255
    if how == "one class":
        labels = labels * 0
    return pixels.byte(), labels


DATASETS = {
    "fractions": "bytes are 0 to 255, not fractions",
    "one class": "no training image is of class",
    "other each time": "the fingerprint of the same images differs each time",
    "floats": "pixels are uint8",
    "labels": "there are labels up to 1 and 1 classes",
    "count": "it counts (20, 19) training and test images and loads (20, 20)",
    "channels": "it says 3 channels and loads 1",
    "names": "the training images have other classes than the inspection says",
    "twice": "classes are two names or more, each once",
    "other labels each time": "other images or labels come each time",
    "size": "images of [1, 12, 12] are asked for, and [1, 9, 9] come",
}


@pytest.mark.parametrize("how", ["", *DATASETS])
def test_a_broken_data_set_is_caught(how: str) -> None:
    draws: list[int] = []

    def read(settings: object, folder: object) -> Any:  # noqa: ARG001
        part: Any = make_pixels(how, draws)
        if how == "other labels each time" and len(draws) > 1:
            part = part[0], 1 - part[1]
        if how == "floats":
            part = part[0].float(), part[1]
        names = {"labels": ("a",), "twice": ("a", "a")}
        other = make_pixels("", draws) if how == "one class" else part
        return part, other, names.get(how, ("a", "b"))

    class Wrong(FunctionSource):
        """It miscounts, or resizes nothing."""

        def inspect(self, settings: Any, folder: Any) -> Any:
            found = super().inspect(settings, folder)
            changes: dict[str, Any] = {"count": {"test_images": 19}, "channels": {"channels": 3}}
            changes["names"] = {"classes": ("b", "a")}
            return replace(found, **changes.get(how, {}))

        def load(self, settings: Any, folder: Any) -> Any:
            size = {"image_size": None, "channels": None} if how == "size" else {}
            return super().load(settings.model_copy(update=size), folder)

    wrong = how in ("count", "size", "channels", "names")
    found = list_problems("data set", (Wrong if wrong else FunctionSource)("strange", read))
    assert DATASETS[how] in found if how else not found, found


class StrangeSettings(MethodSettings):
    """An attack that is right but for what `how` says."""

    craft = f"{__name__}:craft_strangely"
    shares_steps = True
    name: Literal["strange"] = keyed("strange")
    norm: Literal["linf"] = keyed("linf")
    eps: float = keyed(ge=0)
    steps: int = keyed(4, ge=1)
    how: str = keyed("")


class NamelessSettings(StrangeSettings):
    """One whose name is in no key."""

    name: Literal["strange"] = unkeyed("strange")


def craft_strangely(job: Any, settings: StrangeSettings) -> Any:
    def walk(steps: int) -> Tensor:
        far = settings.eps * (steps / max(job.step_counts) if settings.how != "way" else 1 / len(job.step_counts))
        if settings.how == "ball":
            far *= 3
        moved: Tensor = job.clean + far
        if settings.how == "seed":
            moved = job.clean + (torch.rand_like(job.clean) - 0.5) * settings.eps
        if settings.how == "batch":
            moved = job.clean + (job.clean - job.clean.mean()).clamp(-far, far)
        if settings.how == "mode":
            job.model.gradient.train()
        if settings.how == "model":
            next(iter(job.model.gradient.parameters())).data.add_(0.1)
        return moved if settings.how == "pixels" else moved.clamp(0, 1)

    if settings.how == "type":
        return [job.clean]
    return {steps: walk(steps) for steps in job.step_counts}


ATTACKING = {
    "ball": "left the linf ball",
    "pixels": "left the pixel range",
    "seed": "other examples come each time",
    "batch": "images differ by up to",
    "model": "it changes the model",
    "mode": "it leaves the model in training mode",
    "type": "returned list",
    "way": "from a run of 2",
}


@pytest.mark.parametrize("how", ["", *ATTACKING])
def test_a_broken_attack_is_caught(how: str) -> None:
    eps = {"eps": 0.9} if how == "pixels" else {}
    found = list_problems("attack", StrangeSettings, {"how": how, **eps})
    # a run of two steps ends as far out as one of four: what is on the way of a longer run is less
    assert ATTACKING[how] in found if how else "after 2 of 4 steps" in found, found


def test_settings_that_are_no_part_of_a_key_are_caught() -> None:
    assert "the name is not `keyed`" in list_problems("attack", NamelessSettings)


class StrangeObjectiveSettings(ObjectiveSettings):
    """An objective that is right but for what `how` says."""

    build = f"{__name__}:build_strangely"
    name: Literal["strange"] = keyed("strange")
    how: str = keyed("")


class RequiringSettings(StrangeObjectiveSettings):
    """One with a setting that nobody can guess."""

    temperature: float = keyed()


def build_strangely(settings: StrangeObjectiveSettings) -> Any:
    def assess(model: nn.Module, batch: Any, _: torch.Generator) -> tuple[Tensor, Tensor]:
        if settings.how == "batch":
            batch.pixels.mul_(0.5)
        if settings.how == "labels":
            batch.labels[0] = 1 - batch.labels[0].clamp(max=1)
        if settings.how == "mode":
            model.eval()
        logits = model(batch.pixels)
        loss, right = F.cross_entropy(logits, batch.labels), logits.argmax(1).eq(batch.labels).float().mean()
        if settings.how == "weights":
            next(model.parameters()).data.mul_(1.5)
        changes: dict[str, Callable[[], Tensor]] = {
            "vector": lambda: F.cross_entropy(logits, batch.labels, reduction="none"),
            "nan": lambda: loss * torch.nan,
            "detached": loss.detach,
            "random": lambda: loss * torch.rand(()),
            "burst": lambda: -loss * 1e30,
            "flat": lambda: loss * 0,
            "steep": lambda: loss + (next(model.parameters()).sum() * 0).sqrt(),
        }
        loss = changes.get(settings.how, lambda: loss)()
        if settings.how == "accuracies":
            return loss, right[None]
        return loss, right * {"accuracy": 5, "below": -1}.get(settings.how, 1)

    return assess


OBJECTIVE = {
    "vector": "the loss is a tensor of no dimensions",
    "nan": "the loss is nan",
    "detached": "the loss has no gradient",
    "random": "another loss comes each time",
    "batch": "it changes the images",
    "weights": "it changes weights of the model: network.0.weight",
    "accuracy": "not in [0, 1]",
    "below": "the accuracy is -",
    "accuracies": "the accuracy is a tensor of no dimensions",
    "flat": "no gradient reaches a weight of the model",
    "steep": "the gradient of a weight is NaN or infinite",
    "labels": "it changes the labels that it is given",
    "mode": "it leaves the model in evaluation mode",
    "burst": "after 1 steps the loss is",
}


@pytest.mark.parametrize("how", ["", *OBJECTIVE])
def test_a_broken_objective_is_caught(how: str) -> None:
    found = list_problems("objective", StrangeObjectiveSettings, {"how": how})
    assert OBJECTIVE[how] in found if how else not found, found


def test_a_setting_that_nobody_can_guess_is_asked_for() -> None:
    assert list_problems("objective", RequiringSettings) == (
        "setting 'temperature' has no default: give --set strange.temperature=VALUE"
    )
    assert not list_problems("objective", RequiringSettings, {"temperature": 2.0})


IMPORTANCE: Mapping[str, tuple[Callable[[Tensor, torch.Generator], Any], str]] = {
    "shape": (lambda weight, _: weight.flatten(1).mean(), "returns [] for [8, 4, 3, 3], not [8]"),
    "nan": (lambda weight, _: weight.flatten(1).std(1), "NaN or infinite scores for [6, 1, 1, 1]"),
    "same": (lambda weight, _: weight.flatten(1).sum(1) * 0, "all filters get the same score"),
    "random": (lambda weight, _: torch.rand(len(weight)), "other scores come each time"),
    "in place": (lambda weight, _: weight.abs_().flatten(1).sum(1), "it changes the weight"),
    "list": (lambda weight, _: [1.0] * len(weight), "returns list, not scores"),
    "raises": (lambda weight, _: weight.nothing, "AttributeError"),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("how", IMPORTANCE)
def test_a_broken_importance_is_caught(how: str) -> None:
    score, problem = IMPORTANCE[how]
    assert problem in list_problems("importance", score)


class DimSettings(TransformationSettings):
    """A transformation that is right but for what `how` says."""

    transform = f"{__name__}:dim"
    differentiable = True
    name: Literal["strange"] = keyed("strange")
    how: str = keyed("")


def dim(pixels: Tensor, settings: DimSettings, draws: Any) -> Tensor:
    if settings.how == "in place":
        return pixels.mul_(0.5)
    changes: dict[str, Callable[[], Tensor]] = {
        "shape": lambda: pixels[:, :, 1:],
        "list": lambda: list(pixels),  # type: ignore[dict-item,return-value]
        "nan": lambda: pixels.where(pixels < 0.999, torch.nan),
        "flat": lambda: pixels * 0 + 0.5,
        "random": lambda: pixels * torch.rand(()),
        "drawn": lambda: pixels * draws.draw_uniform(1)[:, :, None, None],
        "batch": lambda: pixels - pixels.mean(),
        "detached": lambda: pixels.detach() * 0.5,
    }
    return changes.get(settings.how, lambda: pixels * 0.5)()


TRANSFORMING = {
    "shape": "makes [4, 3, 15, 16] of [4, 3, 16, 16]",
    "list": "returns list, not images",
    "nan": "makes NaN or infinite pixels",
    "flat": "`differentiable`, and no gradient passes it",
    "random": "it looks otherwise each time",
    "drawn": "it draws, and `random` is false",
    "batch": "with the images beside them",
    "detached": "does not require grad",
    "in place": "it changes the images",
}


@pytest.mark.parametrize("how", ["", *TRANSFORMING])
def test_a_broken_transformation_is_caught(how: str) -> None:
    found = list_problems("transformation", DimSettings, {"how": how})
    assert TRANSFORMING[how] in found if how else not found, found
