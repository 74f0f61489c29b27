"""What networks, optimizers and schedules compute from small inputs: plain numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tasks.models.architectures.preact_resnet import preact_resnet18, preact_resnet18_v2
from tasks.models.architectures.resnet8 import resnet8
from tasks.models.architectures.swish_wide_resnet import SwishWideResNet
from tasks.models.architectures.vision_transformer import VisionTransformer
from tasks.models.architectures.wide_resnet import WideResNet
from tasks.models.build import Description, build_model
from tasks.models.settings import ModelSettings
from tasks.training.basic import OPTIMIZERS, AdamSettings, SgdSettings
from tasks.training.optimizers import build_optimizer
from tasks.training.schedules import SCHEDULES, ScheduleSettings
from tests.support.networks import list_distinct_architectures
from tests.support.numbers_of import Numbers, round_values
from tests.support.variants import list_variants


def list_model_values() -> Iterator[tuple[str, Numbers]]:
    """How large networks are, at either stem; and what small ones of our own answer, whatever their weights."""
    for name, stem in itertools.product(list_distinct_architectures(), ("cifar", "imagenet")):
        settings = ModelSettings.model_validate({"name": name, "stem": stem}).simplify()
        with torch.device("meta"):
            model = build_model(Description.of(settings, 3, 7)).eval()
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                shape = model(torch.zeros(1, 3, 64, 64)).shape
        weights = [weight.numel() for weight in model.parameters()]
        yield (
            f"model {name}, {stem}",
            [sum(weights), len(weights), counter.get_total_flops() // 2, *shape],
        )
    for label, build in SMALL_NETWORKS.items():
        network, drawn = build().eval(), torch.Generator().manual_seed(8)
        for values in network.state_dict().values():
            if values.is_floating_point():
                values.copy_(0.3 * torch.rand(values.shape, generator=drawn) - (0.15 if values.dim() > 1 else -0.5))
        with torch.no_grad():
            answers = network(torch.rand(2, 3, 16, 16, generator=drawn))
        yield f"answers of {label}", round_values(answers / answers.abs().max(), answers.abs().max())


SMALL_NETWORKS: Mapping[str, Callable[[], nn.Module]] = {
    "resnet8": lambda: resnet8(3, 4, "cifar"),
    "preact_resnet18": lambda: preact_resnet18(3, 4, "cifar"),
    "preact_resnet18_v2": lambda: preact_resnet18_v2(3, 4, "cifar"),
    "wide_resnet": lambda: WideResNet(3, 4, depth=16, width=1),
    "swish_wide_resnet": lambda: SwishWideResNet(3, 4, depth=16, width=1),
    "vit": lambda: VisionTransformer(3, 4, "cifar", width=12, depth=2, heads=3),
}


def list_training_values() -> Iterator[tuple[str, Numbers]]:
    """What each optimizer makes of two weights in three steps, and the factors of each schedule."""
    for name in OPTIMIZERS:
        for label, changed in list_variants(OPTIMIZERS.load(name), {"name": name, "lr": 0.1, "weight_decay": 0.05}):
            weight = nn.Parameter(torch.tensor([1.0, -2.0]))
            settings = OPTIMIZERS.load(name).model_validate(changed)
            assert isinstance(settings, (SgdSettings, AdamSettings))
            optimizer = build_optimizer([weight], settings)
            for _ in range(3):
                optimizer.zero_grad()
                (weight**2 * torch.tensor([1.0, 3.0])).sum().backward()
                optimizer.step()
            yield f"optimizer {name}, {label}", round_values(weight)
    for name in SCHEDULES:
        cls = SCHEDULES.load(name)
        given = {"milestones": [1, 3]} if name == "multistep" else {}
        for label, changed in list_variants(cls, {"name": name, **given}):
            schedule = cls.model_validate(changed)
            assert isinstance(schedule, ScheduleSettings)
            factors = [schedule.compute_factor(step, 10, 4) for step in (0, 1, 7, 10, 15, 19, 20, 25, 30, 33, 39)]
            yield f"schedule {name}, {label}", round_values(torch.tensor(factors))
