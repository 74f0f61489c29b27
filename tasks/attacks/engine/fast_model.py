"""A copy of a model that is fast to attack and gives the same logits and gradients.

Batch norm is folded into the convolutions, parameters are frozen (no weight gradients are computed), memory is
channels-last, and for bf16 the network's weights are cast once: pixels, normalisation and logits stay in fp32.

Where an attack takes few passes, a network is folded by what is known of its classes, or a plain copy is attacked:
reading a graph would cost more than it saves.

Folding reads a network as a graph, which not every network survives: a function with a backward pass of its own loses
it, and control flow is read for one shape. So the copy is held against the model itself on a few images, and where
they differ the model itself is attacked.
"""

from __future__ import annotations

import copy
import logging
import math
import warnings
from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.frozen_copy import copy_frozen
from tasks.attacks.engine.known_folding import fold_known
from tasks.attacks.engine.steady import make_steady
from tasks.models.build import NormalizedModel

LOG = logging.getLogger(__name__)

LOGITS_TOLERANCE, GRADIENT_TOLERANCE, LARGEST_TOLERANCE = 1e-3, 1e-2, 0.3
"""How far the copy may be from the model itself: logits as a share of the image's largest; gradients as a share of
their length, for the median image and for the worst (rounding turns single paths through a deep network on or off)."""
PROBE_IMAGES = 8
"""Images on which the two are compared."""
WORTH_FOLDING = 600
"""Passes of an image, a backward pass counted as two, after which a folded copy has saved what it costs: reading the
graph, and a look at the probe by each of three models."""

FOLDED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
"""Layers that change when batch norm is folded."""


class _Folded(nn.Module):
    """A folded network behind its normalisation, its weights in one precision, fp32 outside."""

    def __init__(self, model: NormalizedModel, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = network.to(dtype)
        self.mean, self.std, self.dtype = model.mean, model.std, dtype

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(((pixels - self.mean) / self.std).to(self.dtype))
        return logits.float()


class _CopiedWhenAsked(nn.Module):
    """The model itself, of which a copy is made when it is asked for the first time."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.make: Callable[[], nn.Module] = lambda: freeze_copy(model)
        self.copied: nn.Module | None = None

    def forward(self, pixels: Tensor) -> Tensor:
        if self.copied is None:
            self.copied = self.make()
        logits: Tensor = self.copied(pixels)
        return logits


def freeze_copy(model: nn.Module) -> nn.Module:
    """A copy in evaluation mode, without gradients of its weights, channels last; nothing is folded.

    An image gets the same logits in every batch.
    """
    return make_steady(copy_frozen(model))


def prepare_model(model: nn.Module, probe: Tensor, precision: str = "fp32", passes: float = math.inf) -> AttackedModel:
    """A fast copy of a model for attacks, or a plain one where that does not do what the model does, or would not pay.

    The model itself is not changed.

    :param model: pixels float [N, C, H, W] of [0, 1] -> logits float [N, classes].
    :param probe: images on which the copy is held against the model, float [N, C, H, W] in [0, 1]; a few are enough.
    :param precision: `fp32`, or `bf16` for gradients from bf16 weights.
    :param passes: of an image that the attack will take in all, a backward pass counted as two. Where they are few,
        what is attacked in fp32 is a copy that is made without reading a graph, folded or plain.
    """
    if passes < WORTH_FOLDING and precision == "fp32":
        return _prepare_quickly(model)
    probe, itself = probe[:PROBE_IMAGES], copy_frozen(model)
    original, expected = make_steady(copy_frozen(model)), _answer(itself, probe)
    if not _behaves_alike(original, expected, probe):
        original = itself
    plain = AttackedModel(original, original, original)
    if not isinstance(itself, NormalizedModel):
        return plain
    network = _fold_batch_norms(itself.network)
    if network is not None:
        # layers that are not folded are those of `itself`: what is not the last to use them takes a copy
        gradient = None if precision == "fp32" else _build_fast(itself, copy.deepcopy(network), torch.bfloat16)
        judge = _build_fast(itself, network if original is not itself else copy.deepcopy(network), torch.float32)
        gradient = gradient or judge
        if _behaves_alike(judge, expected, probe) and (gradient is judge or _can_be_followed(gradient, probe)):
            return AttackedModel(gradient, judge, original, is_prepared=True)
    LOG.warning("the network does not do the same with its layers folded: it is attacked as it is, in fp32")
    return plain


def _prepare_quickly(model: nn.Module) -> AttackedModel:
    """What is made without reading a graph: a folded copy of a network that is known, a plain one of any other."""
    known = fold_known(model)
    if known is None:
        copied = freeze_copy(model)
        return AttackedModel(copied, copied, copied)
    judge = make_steady(known)
    return AttackedModel(judge, judge, _CopiedWhenAsked(model), is_prepared=True)


def _behaves_alike(copied: nn.Module, expected: tuple[Tensor, Tensor], probe: Tensor) -> bool:
    """Whether logits and input gradients of the probe are what the model itself answers, up to rounding."""
    try:
        logits, gradient = _answer(copied, probe)
    except Exception:  # whatever a network of somebody's own may raise when it is called in another form
        return False
    wanted, slope = expected
    scale = wanted.abs().amax(1, keepdim=True).clamp_min(1e-12)
    if not ((logits - wanted).abs() <= LOGITS_TOLERANCE * scale).all():
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
    folded = _Folded(model, network, dtype).eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return make_steady(folded)


def _fold_batch_norms(network: nn.Module) -> nn.Module | None:
    """The network with every batch norm folded into the convolution before it; null where it cannot be read as a graph.

    A layer that is called twice is folded once, for one of its calls: such a network is left as it is.
    """
    from torch.fx import symbolic_trace
    from torch.fx.experimental.optimization import fuse

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced = symbolic_trace(network)
            nodes = [node for node in traced.graph.nodes if node.op == "call_module"]
            calls = Counter(network.get_submodule(str(node.target)) for node in nodes)
            if any(count > 1 and isinstance(layer, FOLDED) for layer, count in calls.items()):
                return None
            # in place: the graph has modules of its own between it and the layers, and no layer is changed itself
            fused: nn.Module = fuse(traced, inplace=True, no_trace=True)
    except Exception:  # tracing runs the network on stand-ins for tensors, with which it may do anything
        return None
    return fused.eval().requires_grad_(False)
