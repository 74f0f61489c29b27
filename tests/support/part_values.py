"""What every part computes from small inputs, with its settings as they are and each changed by itself: plain numbers.

Attacks are tried on a network without edges, so that another processor rounds nothing over one; what is kept are a few
sums, which hardly a mistake in a formula leaves as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.job import AttackJob, load_attack
from tasks.attacks.registry import ATTACKS
from tasks.certificates.registry import CERTIFICATES
from tasks.contracts import toy
from tasks.data.images import Images, convert_to_float
from tasks.generators.job import GeneratorJob, build_generator
from tasks.generators.registry import GENERATORS
from tasks.models.conditional import make_conditional
from tasks.pruning.layers import Evidence, Layer, takes_layer
from tasks.pruning.registry import IMPORTANCES
from tasks.registry import load_object
from tasks.seeds import make_generator
from tasks.training.objectives.registry import OBJECTIVES
from tasks.training.objectives.step import Batch, ObjectiveContext, build_objective
from tasks.transformations.draws import Draws
from tasks.transformations.registry import TRANSFORMATIONS
from tests.support.certificates import certify_batch
from tests.support.network_values import list_model_values, list_training_values
from tests.support.numbers_of import Numbers, round_values, weigh
from tests.support.objectives import EXTRAS, NAMED_OBJECTIVES
from tests.support.variants import list_variants

BUDGETS = {"linf": 0.05, "l2": 0.35, "l1": 1.5, "l0": 5}
"""Norm -> a budget at which some of the images below are fooled."""
FEW_STEPS: Mapping[str, Mapping[str, Any]] = {
    "carlini_wagner": {"steps": 12, "binary_search_steps": 3, "initial_const": 2.0, "step_size": 0.05},
    "ead": {"steps": 12, "binary_search_steps": 3, "initial_const": 2.0, "step_size": 0.05},
    "diff_pgd": {"generator": {"name": "denoiser", "width": 4}},
    "diff_pgd_unrestricted": {"generator": {"name": "denoiser", "width": 4}},
    "square": {"steps": 12},
    "rays": {"steps": 40},
    "ddn": {"steps": 8},
    "fmn": {"steps": 8},
    "pdpgd": {"steps": 12},
    "sigma_zero": {"steps": 12},
}
STEEPNESS = 2.5
"""Times the first weights of the smooth network: its answers change within the budgets."""
STEPS = 4
"""Of attacks that stand for themselves above."""


def make_smooth_model() -> nn.Module:
    """A network without edges for images [N, 1, 6, 6] and four classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        layers = [nn.Conv2d(1, 5, 3, stride=2), nn.Tanh(), nn.Flatten(), nn.Linear(20, 4)]
        model = nn.Sequential(*layers).eval().requires_grad_(False)
    for part in model.parameters():
        part.data *= STEEPNESS
    return model


def make_smooth_images(count: int = 6) -> Tensor:
    """float [count, 1, 6, 6] in [0, 1], some values at its ends."""
    drawn = torch.rand(count, 1, 6, 6, generator=torch.Generator().manual_seed(7))
    return (1.2 * drawn - 0.1).clamp(0, 1)


def list_attack_values() -> Iterator[tuple[str, Numbers]]:
    """Of each attack in each norm, and in the first with each setting changed: what it does to five images."""
    model, clean = make_smooth_model(), make_smooth_images()
    with torch.no_grad():
        labels = model(clean).argmax(1)
    labels[4] = (labels[4] + 1) % 4  # seen wrongly before any attack
    attacked = AttackedModel(model, model, model)
    for name in (name for name in ATTACKS if name != "autoattack"):  # which is four others with many steps
        cls = ATTACKS.load(name)
        given = {"steps": STEPS} | dict(FEW_STEPS.get(name, {}))
        own = toy.fill_settings(cls, name, {key: value for key, value in given.items() if key in cls.model_fields})
        for place, norm in enumerate(cls.norms()):
            section = {**own, "norm": norm, **({"eps": BUDGETS[norm]} if norm in BUDGETS else {})}
            cases = list_variants(cls, section, ("norm", "eps"))
            for label, changed in cases if place == 0 else [next(cases)]:
                settings = cls.model_validate(changed).simplify().resolve_for_evaluation()
                asked = settings.required_generator
                made = None if asked is None else build_generator(asked, tuple(clean.shape[1:]), 4, 5).eval()
                counts = (2, settings.reported_steps) if cls.shares_steps else (settings.reported_steps,)
                job = AttackJob(
                    attacked, clean.clone(), labels, counts, torch.tensor([3, 5, 8, 2, 4, 9]), 6, generator=made
                )
                found = load_attack(settings)(job, settings)
                moved = [found[count] - clean for count in counts]
                sizes = [part for each in moved for part in (each.flatten(1).norm(dim=1), weigh(each))]
                yield f"attack {name}, {norm}, {label}", round_values(*sizes)


def list_objective_values() -> Iterator[tuple[str, Numbers]]:
    """Of each objective, with each setting changed: loss, accuracy and gradient of two steps."""
    sections = {label: section for label, section in NAMED_OBJECTIVES.items() if "+" not in label}
    sections["adversarial+awp"] = {**sections["adversarial"], **EXTRAS["awp"]}
    for label, section in sections.items():
        cls = OBJECTIVES.load(section["name"])
        for variant, changed in list_variants(cls, section):
            yield f"objective {label}, {variant}", _try_objective(cls.model_validate(changed))


def _try_objective(settings: Any) -> Numbers:
    model = toy.build_model()
    images = toy.make_images(model)
    labels = images.labels.clone()
    labels[::3] = (labels[::3] + 1) % toy.CLASSES
    if settings.conditioning:
        make_conditional(model.network, *settings.conditioning)
    model.train()
    surrogates = [toy.build_model(seed) for seed, _ in enumerate(settings.required_models, 1)]
    context = ObjectiveContext(model, Images(images.pixels, labels, images.classes), surrogates, 8)
    objective, draw = build_objective(settings, context), make_generator("values")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    found: list[Tensor] = []
    for step, places in enumerate(torch.arange(toy.IMAGES).split(7)):
        pixels = convert_to_float(images.pixels[places])
        optimizer.zero_grad()
        outcome = objective(model, Batch(pixels, labels[places], places, step == 0, 0.3 + 0.4 * step), draw)
        outcome.loss.backward()
        slopes = [weigh(part.grad[None]) for part in model.parameters() if part.grad is not None]
        reached = [] if outcome.eps_reached is None else [outcome.eps_reached]
        found += [outcome.loss, outcome.accuracy, *reached, torch.cat(slopes).sum()]
        optimizer.step()
    return round_values(*found)


def list_certificate_values() -> Iterator[tuple[str, Numbers]]:
    """Of each certificate, with each setting changed: radius, class and answer for two budgets."""
    model = toy.build_model()
    images = toy.make_images(model)
    few = Images(images.pixels[:4], images.labels[:4], images.classes)
    for name in CERTIFICATES:
        given = {"sigma": 0.25, "samples": 200} if name == "randomized_smoothing" else {}
        section = {**toy.fill_settings(CERTIFICATES.load(name), name, given), "eps": 0.02}
        for label, changed in list_variants(CERTIFICATES.load(name), section, ("norm", "eps")):
            own = {key: value for key, value in changed.items() if key != "eps"}
            for budget, each in zip((0.01, 0.2), certify_batch(model, few, 0.01, 0.2, first=3, **own), strict=True):
                yield (
                    f"certificate {name}, {label}, {budget}",
                    round_values(each.radius, each.classes, each.certified, each.confidence),
                )


def list_generator_values() -> Iterator[tuple[str, Numbers]]:
    """Of each generator, with each setting changed: the history of an epoch, and its answers afterwards."""
    model = toy.build_model().requires_grad_(False)
    images = toy.make_images(model)
    for name in GENERATORS:
        cls = GENERATORS.load(name)
        section = toy.fill_settings(cls, name, {"epochs": 1, "batch_size": 5, "width": 4})
        for label, changed in list_variants(cls, section):
            settings, history = cls.model_validate(changed).for_budget(0.1), list[dict[str, Any]]()
            network = build_generator(settings, images.image_shape, toy.CLASSES, 5).train()
            network.fit(GeneratorJob(images, 5, model if settings.needs_target else None, history.append))
            pixels = convert_to_float(images.pixels[:3])
            with torch.no_grad():
                network.eval()
                seen = network(pixels, torch.full((1,), 0.4)) if settings.output == "noise" else network(pixels)
            noted = [
                value
                for entry in history
                for key, value in entry.items()
                if isinstance(value, float) and key != "seconds"
            ]
            yield f"generator {name}, {label}", round_values(torch.tensor(noted), weigh(seen))


def list_importance_values() -> Iterator[tuple[str, Numbers]]:
    """The scores of five filters."""
    draw = make_generator("weights")
    weight, gradient, learned = (torch.randn(shape, generator=draw) for shape in ((5, 3, 2, 2), (5, 3, 2, 2), (5,)))
    norm = nn.BatchNorm2d(5)
    nn.init.uniform_(norm.weight, -1, 1, generator=draw)
    layer = Layer("layer", "filters", norm, Evidence(lambda: {"layer": gradient}, {"layer": learned}))
    for name in IMPORTANCES:
        score, numbers = IMPORTANCES.load(name), make_generator("scores")
        found = score(weight, numbers, layer) if takes_layer(name) else score(weight, numbers)
        yield f"importance {name}", round_values(found)


def list_transformation_values() -> Iterator[tuple[str, Numbers]]:
    """Of each transformation, with each setting changed: what a model sees of two images, and the gradient of it."""
    for name in TRANSFORMATIONS:
        cls = TRANSFORMATIONS.load(name)
        for label, changed in list_variants(cls, toy.fill_settings(cls, name, {})):
            settings = cls.model_validate(changed)
            drawn = torch.Generator().manual_seed(1)
            pixels = torch.rand(2, 3, 12, 14, generator=drawn).requires_grad_(settings.differentiable)
            training = torch.rand(8, 3, 12, 14, generator=drawn)
            draws = Draws(pixels, 4, partial(_make_of, training))
            seen = load_object(cls.transform)(pixels, settings, draws)
            found = [weigh(seen), seen.detach().flatten(1).std(1)]
            if settings.differentiable:
                found.append(weigh(torch.autograd.grad(seen.square().sum(), pixels)[0]))
            yield f"transformation {name}, {label}", round_values(*found)


def _make_of(training: Tensor, make: Callable[[Tensor], Tensor]) -> Tensor:
    return make(training)


KINDS: Mapping[str, Callable[[], Iterator[tuple[str, Numbers]]]] = {
    "attacks": list_attack_values,
    "objectives": list_objective_values,
    "certificates": list_certificate_values,
    "generators": list_generator_values,
    "importances": list_importance_values,
    "transformations": list_transformation_values,
    "models": list_model_values,
    "training": list_training_values,
}
"""Of parts -> a few numbers of each case, by its label."""
