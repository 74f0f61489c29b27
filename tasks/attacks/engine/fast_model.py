"""A copy of a model that is fast to attack and gives the same logits and gradients.

Batch norm is folded into the convolutions, parameters are frozen (no weight gradients are computed), memory is
channels-last, and for bf16 the network's weights are cast once: pixels, normalisation and logits stay in fp32.

Folding reads a network as a graph, which not every network survives: a function with a backward pass of its own loses
it, and control flow is read for one shape. So the copy is held against the model itself on a few images, and where
they differ the model itself is attacked.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.attacks.engine.places import find_places
from tasks.models.build import NormalizedModel

LOG = logging.getLogger(__name__)

ROUNDING = 1e-3
"""A margin within this share of the largest logit may be one of the folded model alone: the model itself is asked."""
LEAST_MARGIN = 1e-6
"""The share of the largest logit that the margin of a success exceeds: below, the size of the batch may decide."""

LOGITS_TOLERANCE, GRADIENT_TOLERANCE, LARGEST_TOLERANCE = 1e-3, 1e-2, 0.3
"""How far the copy may be from the model itself: logits as a share of the image's largest; gradients as a share of
their length, for the median image and for the worst (rounding turns single paths through a deep network on or off)."""
PROBE_IMAGES = 8
"""Images on which the two are compared."""

FOLDED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
"""Layers that change when batch norm is folded."""

STEADY_ROWS = 8
"""From so many rows on, a matrix product gives each row what it gives it among any number of others."""


Question = Callable[[Tensor], Tensor]
"""Which images are adversarial, bool [N] -> what the host wants to know then, int64 [n]; it changes nothing."""


def count_chosen(chosen: Tensor) -> Tensor:
    """How many are: bool [N] -> int64 [1]."""
    return chosen.sum()[None]


def compute_margin(logits: Tensor, labels: Tensor, target_classes: Tensor | None = None) -> Tensor:
    """Logit margin of the attack, float [N]: positive where it has succeeded.

    Untargeted: the largest logit of any other class minus that of the label; targeted: the logit of the target class
    minus the largest of all others. The loss f of Carlini and Wagner 2017 (arXiv 1608.04644, section V-A), negated.

    :param logits: float [N, classes].
    :param labels: int64 [N].
    :param target_classes: int64 [N]; null: untargeted.
    """
    wanted = labels if target_classes is None else target_classes
    own = logits.gather(1, wanted[:, None])[:, 0]
    others = logits.scatter(1, wanted[:, None], -torch.inf).amax(1)
    return others - own if target_classes is None else own - others


@dataclass(frozen=True)
class AttackedModel:
    """A model under attack: where gradients come from, and who judges."""

    gradient: nn.Module
    """Pixels float [N, C, H, W] of [0, 1] -> logits float [N, classes]; the source of gradients, perhaps in bf16."""
    judge: nn.Module
    """The same in fp32: no image counts as adversarial on the word of less."""
    original: nn.Module
    """The model itself, nothing folded: it has the last word where the judge is close to undecided."""
    is_prepared: bool = False
    """Whether gradients and verdicts come from a folded copy."""

    def __call__(self, pixels: Tensor) -> Tensor:
        """Logits float [N, classes] of pixels float [N, C, H, W] of [0, 1], with a gradient where one is asked for."""
        logits: Tensor = self.gradient(pixels)
        return logits

    @property
    def judges_its_gradients(self) -> bool:
        """Whether gradients and verdicts come from the same arithmetic."""
        return self.gradient is self.judge

    def is_adversarial(
        self, pixels: Tensor, labels: Tensor, target_classes: Tensor | None = None, *, logits: Tensor | None = None
    ) -> Tensor:
        """Whether the model predicts another class than the label, or the target class where one is given; bool [N].

        :param pixels: float [N, C, H, W] in [0, 1].
        :param labels: int64 [N].
        :param target_classes: int64 [N]; null: any class but the label.
        :param logits: the judge's answer to these pixels, float [N, classes], where it is known; null: it is asked.
        """
        return self.find_adversarial(pixels, labels, target_classes, logits=logits)[0]

    def find_adversarial(
        self, pixels: Tensor, labels: Tensor, target_classes: Tensor | None = None, *, logits: Tensor | None = None
    ) -> tuple[Tensor, int]:
        """The same, bool [N], and how many: the host waits once for both, unless images are close to undecided."""
        found, (count,) = self.judge_and_ask(pixels, labels, target_classes, count_chosen, logits=logits)
        return found, count

    def judge_and_ask(
        self,
        pixels: Tensor,
        labels: Tensor,
        target_classes: Tensor | None,
        question: Question,
        *,
        logits: Tensor | None = None,
    ) -> tuple[Tensor, list[int]]:
        """The same, bool [N], and what the host wants to know next: one wait for both, two where images are close to
        undecided."""
        if logits is None:
            with torch.no_grad():
                logits = self.judge(pixels)
        margin, scale, close, found = _compare_logits(logits.detach(), labels, target_classes)
        undecided, *answers = torch.cat([count_chosen(close), question(found)]).tolist()
        if not undecided or self.original is self.judge:
            return found, answers
        asked = find_places(close, undecided)
        with torch.no_grad():
            exact = self.original(pixels.detach()[asked])
        wanted = target_classes[asked] if target_classes is not None else None
        margin[asked] = compute_margin(exact, labels[asked], wanted)
        found = margin > LEAST_MARGIN * scale
        return found, question(found).tolist()

    def judge_without_waiting(
        self, pixels: Tensor, labels: Tensor, target_classes: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The same on the word of the judge alone, bool [N], and which of it is not the last word, bool [N]."""
        with torch.no_grad():
            logits = self.judge(pixels)
        _, _, close, found = _compare_logits(logits, labels, target_classes)
        return found, close if self.original is not self.judge else torch.zeros_like(close)


def _compare_logits(
    logits: Tensor, labels: Tensor, target_classes: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Margins and their scale, float [N] each; which are close to undecided and which are successes, bool [N] each."""
    margin, scale = compute_margin(logits, labels, target_classes), logits.abs().amax(1)
    close, found = margin.abs() < ROUNDING * scale, margin > LEAST_MARGIN * scale
    return margin, scale, close, found


class _Folded(nn.Module):
    """A folded network behind its normalisation, its weights in one precision, fp32 outside."""

    def __init__(self, model: NormalizedModel, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).to(dtype)
        self.mean, self.std, self.dtype = model.mean, model.std, dtype

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(((pixels - self.mean) / self.std).to(self.dtype))
        return logits.float()


class _SteadyLinear(nn.Module):
    """A linear layer that answers for few rows what it answers for the same rows among others.

    Matrix products of few rows take other paths, forward and backward, whose sums differ in the last bit.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear

    @property
    def weight(self) -> Tensor:
        """For a network that looks at its layers: float [out, in]."""
        return self.linear.weight

    @property
    def bias(self) -> Tensor | None:
        """float [out], or null."""
        return self.linear.bias

    def forward(self, rows: Tensor) -> Tensor:
        missing = max(0, STEADY_ROWS - len(rows)) if rows.dim() == 2 else 0
        out: Tensor = self.linear(F.pad(rows, (0, 0, 0, missing)) if missing else rows)
        return out[: len(rows)]


class _Steady(nn.Module):
    """A model that answers for one image what it answers for the same image among others.

    Convolutions of a single image take another path, as matrix products of few rows do.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.model(pixels if len(pixels) > 1 else torch.cat([pixels, pixels]))
        return logits[: len(pixels)]


def freeze_copy(model: nn.Module) -> nn.Module:
    """A copy in evaluation mode, without gradients of its weights, channels last; nothing is folded.

    An image gets the same logits in every batch.
    """
    return _make_steady(_freeze(model))


def copy_unseen(model: nn.Module) -> nn.Module:
    """A copy of a frozen model in the state that it is in, which shares its weights: it costs next to nothing.

    What the original answers afterwards, the copy knows nothing of.
    """
    return copy.deepcopy(model, {id(weight): weight for weight in model.parameters()})


def _make_steady(model: nn.Module) -> nn.Module:
    """The model itself, its linear layers exchanged, such that no answer depends on the batch."""
    _exchange_linear(model)
    return _Steady(model).eval()


def _exchange_linear(network: nn.Module) -> None:
    for name, child in network.named_children():
        if type(child) is nn.Linear and not child._forward_hooks and not child._forward_pre_hooks:
            setattr(network, name, _SteadyLinear(child))
        else:
            _exchange_linear(child)


def _freeze(model: nn.Module) -> nn.Module:
    copied = copy.deepcopy(model).eval().requires_grad_(False)
    return copied.to(memory_format=torch.channels_last)


def prepare_model(model: nn.Module, probe: Tensor, precision: str = "fp32") -> AttackedModel:
    """A fast copy of a model for attacks, or a plain one where that does not do what the model does.

    The model itself is not changed.

    :param model: pixels float [N, C, H, W] of [0, 1] -> logits float [N, classes].
    :param probe: images on which the copy is held against the model, float [N, C, H, W] in [0, 1]; a few are enough.
    :param precision: `fp32`, or `bf16` for gradients from bf16 weights.
    """
    probe, itself = probe[:PROBE_IMAGES], _freeze(model)
    original = _make_steady(_freeze(model))
    if not _behaves_alike(original, itself, probe):
        original = itself
    plain = AttackedModel(original, original, original)
    if not isinstance(itself, NormalizedModel):
        return plain
    network = _fold_batch_norms(itself.network)
    if network is not None:
        judge = _build_fast(itself, network, torch.float32)
        gradient = judge if precision == "fp32" else _build_fast(itself, network, torch.bfloat16)
        if _behaves_alike(judge, original, probe) and _can_be_followed(gradient, probe):
            return AttackedModel(gradient, judge, original, is_prepared=True)
    LOG.warning("the network does not do the same with its layers folded: it is attacked as it is, in fp32")
    return plain


def _behaves_alike(copied: nn.Module, model: nn.Module, probe: Tensor) -> bool:
    """Whether logits and input gradients of the probe are the same up to rounding."""
    try:
        logits, gradient = _answer(copied, probe)
    except Exception:  # whatever a network of somebody's own may raise when it is called in another form
        return False
    expected, slope = _answer(model, probe)
    scale = expected.abs().amax(1, keepdim=True).clamp_min(1e-12)
    if not ((logits - expected).abs() <= LOGITS_TOLERANCE * scale).all():
        return False
    missed = (gradient - slope).flatten(1).norm(dim=1) / slope.flatten(1).norm(dim=1).clamp_min(1e-30)
    return bool(missed.median() <= GRADIENT_TOLERANCE and missed.max() <= LARGEST_TOLERANCE)


def _can_be_followed(gradient: nn.Module, probe: Tensor) -> bool:
    """Whether a network whose weights were cast can be called at all."""
    try:
        _answer(gradient, probe)
    except Exception:
        return False
    return True


def _answer(model: nn.Module, probe: Tensor) -> tuple[Tensor, Tensor]:
    """Logits float [N, classes], and the gradient of a sum of them in which each class has another weight."""
    pixels = probe.detach().clone(memory_format=torch.channels_last).requires_grad_(True)
    with torch.enable_grad():
        logits: Tensor = model(pixels)
        total = (logits * torch.linspace(-1, 1, logits.shape[1], device=logits.device)).sum()
    if not total.requires_grad:
        return logits, torch.zeros_like(pixels)
    (gradient,) = torch.autograd.grad(total, pixels, allow_unused=True)
    return logits.detach(), torch.zeros_like(pixels) if gradient is None else gradient


def _build_fast(model: NormalizedModel, network: nn.Module, dtype: torch.dtype) -> nn.Module:
    folded = _Folded(model, network, dtype).requires_grad_(False).to(memory_format=torch.channels_last)
    return _make_steady(folded)


def _fold_batch_norms(network: nn.Module) -> nn.Module | None:
    """The network with every batch norm folded into the convolution before it; null where it cannot be read as a graph.

    A layer that is called twice is folded once, for one of its calls: such a network is left as it is.
    """
    from torch.fx import symbolic_trace
    from torch.fx.experimental.optimization import fuse

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nodes = [node for node in symbolic_trace(network).graph.nodes if node.op == "call_module"]
            calls = Counter(network.get_submodule(str(node.target)) for node in nodes)
            if any(count > 1 and isinstance(layer, FOLDED) for layer, count in calls.items()):
                return None
            fused: nn.Module = fuse(network)
    except Exception:  # tracing runs the network on stand-ins for tensors, with which it may do anything
        return None
    return fused.eval().requires_grad_(False)
