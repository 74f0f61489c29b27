"""Checkpoints in the layouts of published robust models, and what those models compute, written down a second time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]


def _norm(name: str, width: int) -> State:
    draw = torch.rand(2, width)
    return {
        f"{name}.weight": draw[0] + 0.5, f"{name}.bias": draw[1] - 0.5,
        f"{name}.running_mean": torch.randn(width) / 4, f"{name}.running_var": torch.rand(width) + 0.5,
        f"{name}.num_batches_tracked": torch.tensor(1),
    }  # fmt: skip


def _conv(name: str, inputs: int, outputs: int, size: int) -> State:
    return {f"{name}.weight": torch.randn(outputs, inputs, size, size) * (2 / (inputs * size * size)) ** 0.5}


def _linear(name: str, inputs: int, outputs: int) -> State:
    return {f"{name}.weight": torch.randn(outputs, inputs) / inputs**0.5, f"{name}.bias": torch.randn(outputs)}


def _list_groups(depth: int, width: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Group, block, inputs, outputs, stride of each block of a wide residual network."""
    before = 16
    for group, outputs in enumerate((16 * width, 32 * width, 64 * width)):
        for block in range((depth - 4) // 6):
            yield group, block, before, outputs, 2 if group and not block else 1
            before = outputs


def make_wide(depth: int, width: int, *, sub_block: bool = False) -> State:
    """TRADES: `block1.layer.0.conv1`, `convShortcut`, `bn1`, `fc`; and a `sub_block1` that nothing reaches."""
    state = _conv("conv1", 3, 16, 3)
    for group, block, inputs, outputs, _ in _list_groups(depth, width):
        for title in [f"block{group + 1}", *(["sub_block1"] if sub_block and not group else [])]:
            name = f"{title}.layer.{block}"
            state |= _norm(f"{name}.bn1", inputs) | _conv(f"{name}.conv1", inputs, outputs, 3)
            state |= _norm(f"{name}.bn2", outputs) | _conv(f"{name}.conv2", outputs, outputs, 3)
            if inputs != outputs:
                state |= _conv(f"{name}.convShortcut", inputs, outputs, 1)
    return state | _norm("bn1", 64 * width) | _linear("fc", 64 * width, 10)


def make_swish_wide(depth: int, width: int) -> State:
    """DeepMind: `init_conv`, `layer.0.block.0.conv_0`, `batchnorm`, `logits`."""
    state = _conv("init_conv", 3, 16, 3)
    for group, block, inputs, outputs, _ in _list_groups(depth, width):
        name = f"layer.{group}.block.{block}"
        state |= _norm(f"{name}.batchnorm_0", inputs) | _conv(f"{name}.conv_0", inputs, outputs, 3)
        state |= _norm(f"{name}.batchnorm_1", outputs) | _conv(f"{name}.conv_1", outputs, outputs, 3)
        if inputs != outputs:
            state |= _conv(f"{name}.shortcut", inputs, outputs, 1)
    return state | _norm("batchnorm", 64 * width) | _linear("logits", 64 * width, 10)


def make_resnet18(*, before: bool, last_norm: bool = False) -> State:
    """`layer1.0.conv1`, `shortcut.0`, `linear`; with batch norm before each convolution, or behind."""
    state, inputs = _conv("conv1", 3, 64, 3), 64
    if not before:
        state |= _norm("bn1", 64)
    for group, outputs in enumerate((64, 128, 256, 512)):
        for block in range(2):
            name = f"layer{group + 1}.{block}"
            state |= _norm(f"{name}.bn1", inputs if before else outputs) | _conv(f"{name}.conv1", inputs, outputs, 3)
            state |= _norm(f"{name}.bn2", outputs) | _conv(f"{name}.conv2", outputs, outputs, 3)
            if inputs != outputs:
                state |= _conv(f"{name}.shortcut.0", inputs, outputs, 1)
                state |= {} if before else _norm(f"{name}.shortcut.1", outputs)
            inputs = outputs
    return state | (_norm("bn", 512) if last_norm else {}) | _linear("linear", 512, 10)


def _bn(x: Tensor, state: Mapping[str, Tensor], name: str) -> Tensor:
    mean, var, weight, bias = (state[f"{name}.{each}"] for each in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, mean, var, weight, bias)


def run_wide(state: State, x: Tensor, depth: int, width: int, names: Mapping[str, str]) -> Tensor:
    """Logits [N, 10] of a wide residual network in evaluation mode, by the names of either layout."""
    swish = "init_conv.weight" in state
    act: Any = F.silu if swish else F.relu
    x = F.conv2d(x, state[f"{names['stem']}.weight"], padding=1)
    for group, block, inputs, outputs, stride in _list_groups(depth, width):
        at = names["block"].format(group=group, one=group + 1, block=block)
        active = act(_bn(x, state, f"{at}.{names['bn1']}"))
        padded = F.pad(active, (0, 1, 0, 1)) if swish and stride == 2 else F.pad(active, (1, 1, 1, 1))
        h = F.conv2d(padded, state[f"{at}.{names['conv1']}.weight"], stride=stride)
        h = F.conv2d(act(_bn(h, state, f"{at}.{names['bn2']}")), state[f"{at}.{names['conv2']}.weight"], padding=1)
        x = h + (x if inputs == outputs else F.conv2d(active, state[f"{at}.{names['shortcut']}.weight"], stride=stride))
    h = act(_bn(x, state, names["bn"])).mean((2, 3))
    return F.linear(h, state[f"{names['head']}.weight"], state[f"{names['head']}.bias"])


TRADES = {"stem": "conv1", "block": "block{one}.layer.{block}", "bn1": "bn1", "conv1": "conv1", "bn2": "bn2",
          "conv2": "conv2", "shortcut": "convShortcut", "bn": "bn1", "head": "fc"}  # fmt: skip
DEEPMIND = {"stem": "init_conv", "block": "layer.{group}.block.{block}", "bn1": "batchnorm_0", "conv1": "conv_0",
            "bn2": "batchnorm_1", "conv2": "conv_1", "shortcut": "shortcut", "bn": "batchnorm",
            "head": "logits"}  # fmt: skip


def run_resnet18(state: State, x: Tensor, *, before: bool, late: bool = False) -> Tensor:
    """Logits [N, 10] in evaluation mode; `late`: shortcuts start behind the first ReLU."""
    x = F.conv2d(x, state["conv1.weight"], padding=1)
    x = x if before else F.relu(_bn(x, state, "bn1"))
    for group in range(4):
        for block in range(2):
            at, stride = f"layer{group + 1}.{block}", 2 if group and not block else 1
            entry = F.relu(_bn(x, state, f"{at}.bn1")) if before else x
            h = F.conv2d(entry, state[f"{at}.conv1.weight"], stride=stride, padding=1)
            h = F.relu(_bn(h, state, f"{at}.bn2" if before else f"{at}.bn1"))
            h = F.conv2d(h, state[f"{at}.conv2.weight"], padding=1)
            beside = entry if late else x
            if f"{at}.shortcut.0.weight" in state:
                beside = F.conv2d(beside, state[f"{at}.shortcut.0.weight"], stride=stride)
                beside = beside if before else _bn(beside, state, f"{at}.shortcut.1")
            else:
                beside = x
            x = h + beside if before else F.relu(_bn(h, state, f"{at}.bn2") + beside)
    x = F.relu(_bn(x, state, "bn")) if "bn.weight" in state else x
    return F.linear(x.mean((2, 3)), state["linear.weight"], state["linear.bias"])
