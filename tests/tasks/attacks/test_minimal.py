"""The attacks that look for the smallest perturbation beside independent implementations, and who has the last word."""

from __future__ import annotations

import itertools
from typing import Any

import foolbox
import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.engine.fast_model import AttackedModel, freeze_copy, prepare_model
from tasks.attacks.engine.job import AttackJob, load_attack
from tasks.attacks.engine.norms import measure_sizes
from tasks.attacks.registry import ATTACKS
from tasks.data.images import convert_to_float
from tests.support.attack_models import Linear, job_of, linear_images, network, network_images, settings

SEARCH: dict[str, Any] = {"steps": 30, "binary_search_steps": 5, "initial_const": 0.01}
L2, LINF = foolbox.attacks.L2DeepFoolAttack, foolbox.attacks.LinfDeepFoolAttack
SAME = [
    ("deepfool", "l2", {}, L2()),
    ("deepfool", "linf", {}, LINF()),
    ("carlini_wagner", "l2", SEARCH, foolbox.attacks.L2CarliniWagnerAttack(abort_early=False, **SEARCH)),
    ("ead", "l1", SEARCH, foolbox.attacks.EADAttack(abort_early=False, **SEARCH)),
    (
        "ead",
        "l1",
        {**SEARCH, "decision_rule": "L1", "confidence": 0.5},
        foolbox.attacks.EADAttack(abort_early=False, decision_rule="L1", confidence=0.5, **SEARCH),
    ),
]


@pytest.mark.parametrize(("name", "norm", "extra", "peer"), SAME, ids=lambda value: str(value)[:16])
def test_the_same_settings_find_what_foolbox_finds(name: str, norm: str, extra: dict[str, Any], peer: Any) -> None:
    model = network()
    images = network_images(model)
    clean = convert_to_float(images.pixels)
    method = settings(name=name, norm=norm, **extra).method
    found = load_attack(method)(job_of(model, images, (1,)), method)[1]
    target = foolbox.PyTorchModel(freeze_copy(model), bounds=(0, 1), device="cpu")
    expected = peer.run(target, clean.contiguous(), foolbox.criteria.Misclassification(images.labels)).detach()
    missed = expected.flatten(1).amax(1) == 0  # foolbox returns black for what it did not find
    assert torch.equal(measure_sizes(found - clean)["l0"] == 0, missed)
    ours, theirs = (measure_sizes(each - clean)[norm][~missed] for each in (found, expected))
    assert len(ours) >= len(clean) / 4
    torch.testing.assert_close(ours.median(), theirs.median(), rtol=5e-3, atol=0)
    assert ((ours / theirs - 1).abs() < 0.01).float().mean() > 0.9


def test_an_early_end_costs_little_and_asks_less() -> None:
    model, images = network(), network_images(network())
    found = {}
    for abort_early in (False, True):
        method = settings(name="carlini_wagner", steps=60, binary_search_steps=6, abort_early=abort_early).method
        job, asked = counted(job_of(model, images, (1,)))
        size = measure_sizes(load_attack(method)(job, method)[1] - job.clean)["l2"]
        found[abort_early] = (size.median(), asked["forward"])
    assert found[True][1] < 0.8 * found[False][1]
    assert found[True][0] <= 1.1 * found[False][0]


class Shifted(nn.Module):
    """What rounding may do to a folded model, made large: the label leads by less than it does in truth."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.model(pixels)
        own, other = logits.argmax(1), logits[:, :2].argmin(1)
        nearer = 2e-4 * logits.abs().amax(1)
        return logits.scatter_add(1, own[:, None], -nearer[:, None]).scatter_add(1, other[:, None], nearer[:, None])


QUICK: dict[str, dict[str, Any]] = {
    "carlini_wagner": {"steps": 60, "binary_search_steps": 6},
    "ead": {"steps": 60, "binary_search_steps": 6},
    "deepfool": {"overshoot": 0},
    "fab_t": {"steps": 20},
    "rays": {"steps": 16},
    "jsma": {"gamma": 1.0},
}


@pytest.mark.parametrize("name", sorted(QUICK))
def test_the_model_itself_has_the_last_word(name: str) -> None:
    assert set(QUICK) == {each for each in ATTACKS if not ATTACKS.load(each).bounded}
    model, images = Linear(), linear_images()
    original, judge = freeze_copy(model), freeze_copy(Shifted(model))
    job = AttackJob(
        AttackedModel(judge, judge, original),
        convert_to_float(images.pixels),
        images.labels,
        (1,),
        torch.arange(len(images)),
    )
    method = settings(name=name, norm=ATTACKS.load(name).model_fields["norm"].default, **QUICK[name]).method
    found = load_attack(method)(job, method)[1]
    with torch.no_grad():
        assert original(found).argmax(1).ne(images.labels).all()


def test_folding_changes_no_more_than_the_model_is_asked_again_for() -> None:
    model = network()
    target, clean = prepare_model(model), convert_to_float(network_images(model).pixels)
    with torch.no_grad():
        folded, original = target.judge(clean), target.original(clean)
    assert not torch.equal(folded, original)
    assert ((folded - original).abs().amax(1) < 1e-4 * original.abs().amax(1)).all()


def papernot(model: nn.Module, clean: Tensor, target: int, gamma: float) -> Tensor:
    """Algorithm 2 of Papernot et al. 2016 for one image [C, H, W], theta 1: the whole Jacobian and every pair."""
    pixels, search = clean.flatten().clone(), set((clean.flatten() < 0.99).nonzero()[:, 0].tolist())
    for _ in range(-(-round(len(pixels) * gamma) // 2)):
        if int(model(pixels.view(1, *clean.shape)).argmax()) == target or len(search) < 2:
            break
        jacobian = torch.autograd.functional.jacobian(lambda x: model(x.view(1, *clean.shape))[0], pixels)
        rises, others = jacobian[target].tolist(), (jacobian.sum(0) - jacobian[target]).tolist()
        best, pair = 0.0, None
        for p, q in itertools.combinations(sorted(search), 2):
            alpha, beta = rises[p] + rises[q], others[p] + others[q]
            if alpha > 0 > beta and -alpha * beta > best:
                best, pair = -alpha * beta, (p, q)
        if pair is None:
            break
        pixels[list(pair)] = 1.0
        search -= set(pair)
    return pixels.view(clean.shape)


def test_targeted_jsma_takes_every_step_of_the_paper() -> None:
    model = network()
    images = network_images(model, 6)
    plain, clean = freeze_copy(model), convert_to_float(images.pixels)
    targets = (images.labels + 1) % 10
    for gamma in (0.05, 0.2, 0.5):  # the beginnings of one walk, and its end
        method = settings(name="jsma", targeted=True, gamma=gamma).method
        job = job_of(model, images, (1,))
        found = load_attack(method)(
            AttackJob(job.model, clean, images.labels, (1,), job.index, target_classes=targets), method
        )[1]
        expected = torch.stack([papernot(plain, image, int(t), gamma) for image, t in zip(clean, targets, strict=True)])
        with torch.no_grad():
            says = plain(expected).argmax(1)
        kept = says.eq(targets) | says.ne(images.labels)  # what fools nobody is given back as it was
        torch.testing.assert_close(found, torch.where(kept.view(-1, 1, 1, 1), expected, clean), rtol=0, atol=1e-6)
    assert says.eq(targets).sum() > 2


def test_untargeted_jsma_sets_the_two_values_that_lower_the_margin_most() -> None:
    model, images = Linear(), linear_images(4)
    method = settings(name="jsma", gamma=1.0).method
    job = job_of(model, images, (1,))
    found = load_attack(method)(job, method)[1].flatten(1)
    flat = convert_to_float(images.pixels).flatten(1)
    for image, after in zip(flat, found, strict=True):
        push = model.weight.detach() * (1 if (image * model.weight).sum() < model.offset else -1)
        bound = (push > 0).float()
        order = (push * (bound - image)).argsort(descending=True).tolist()
        expected = image.clone()
        while model(expected.view(1, 1, 4, 4)).argmax() == model(image.view(1, 1, 4, 4)).argmax():
            two, order = order[:2], order[2:]
            expected[two] = bound[two]
        assert torch.equal(after, expected)


def counted(job: AttackJob) -> tuple[AttackJob, dict[str, int]]:
    """The job on a model that counts the images it sees, and those whose gradient is asked for."""
    asked = {"forward": 0, "backward": 0}

    class Counting(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            asked["forward"] += len(pixels)
            logits: Tensor = job.model.judge(pixels)
            if logits.requires_grad:

                def seen(gradient: Tensor) -> None:
                    asked["backward"] += len(gradient)

                logits.register_hook(seen)
            return logits

    model = Counting()
    target = AttackedModel(model, model, job.model.original)
    return AttackJob(target, job.clean, job.labels, job.step_counts, job.index), asked


PASSES = [
    ("fgsm", {"eps": 1e-4}),
    ("ifgsm", {"eps": 1e-4, "steps": 7}),
    ("pgd", {"eps": 1e-4, "steps": 5, "restarts": 3}),
    ("uniform", {"eps": 1e-4, "draws": 12}),
    ("apgd_ce", {"eps": 1e-4, "steps": 20, "restarts": 2}),
    ("apgd_t", {"eps": 1e-4, "steps": 20, "targets": 3}),
    ("square", {"eps": 1e-4, "steps": 40}),
    ("autoattack", {"eps": 1e-4}),
    ("fab_t", {"steps": 20, "targets": 3}),
    ("carlini_wagner", {"steps": 20, "binary_search_steps": 4}),
    ("ead", {"steps": 20, "binary_search_steps": 4, "initial_const": 1.0}),
    ("rays", {"steps": 40}),
    ("deepfool", {}),
    ("jsma", {}),
    ("jsma", {"targeted": True, "gamma": 1.0}),
]


@pytest.mark.parametrize(("name", "raw"), PASSES, ids=lambda value: str(value)[:20])
def test_the_first_estimate_of_an_attack_is_near_what_it_asks(name: str, raw: dict[str, Any]) -> None:
    model = network()
    images = network_images(model, 4 if name == "autoattack" else 12)
    method = settings(name=name, **raw).method
    job, asked = counted(job_of(model, images, (method.reported_steps,)))
    load_attack(method)(job, method)
    passes = (asked["forward"] + 2 * asked["backward"]) / len(images)
    assert passes / 3 <= method.expected_passes <= 3 * passes + 3
