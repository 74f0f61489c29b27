"""The attacks of adv-lib, foolbox, ART and secml-torch that look for smallest perturbations, at a number of passes."""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from tasks.attacks.engine.norms import shape_per_image

CONSTANTS = 4
"""Constants that Carlini-Wagner and EAD try, ours and the peers'."""
FIRST_CONSTANT = 0.1
LP = {"linf": float("inf"), "l2": 2, "l1": 1, "l0": 0}
Attack = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""(model, images [N, C, H, W] of [0, 1], labels [N]) -> images."""


def prepare_imports() -> None:
    """Two of the peers import a drawing library that nobody wants here."""
    stand_in = types.ModuleType("visdom")
    stand_in.__spec__ = importlib.machinery.ModuleSpec("visdom", None)
    sys.modules.setdefault("visdom", stand_in)


def list_peers(norm: str, passes: int) -> Iterator[tuple[str, str, Attack]]:
    """Name, library and attack, each with as many steps as the passes of an image buy.

    :param passes: forward and backward passes of an image.
    """
    for library, attacks in (
        ("adv-lib", _list_adv_lib), ("foolbox", _list_foolbox), ("ART", _list_art), ("secml-torch", _list_secml),
    ):  # fmt: skip
        for name, attack in attacks(norm, passes):
            yield name, library, attack


def _list_adv_lib(norm: str, passes: int) -> Iterator[tuple[str, Attack]]:
    attacks: Any = importlib.import_module("adv_lib.attacks")
    p, steps = LP[norm], passes // 2
    if norm == "l2":
        yield "ddn", lambda model, images, labels: attacks.ddn(model, images, labels, steps=steps, levels=None)
    yield "fmn", lambda model, images, labels: attacks.fmn(model, images, labels, norm=p, steps=steps)
    if norm == "l0":
        yield "sigma_zero", lambda model, images, labels: attacks.sigma_zero(model, images, labels, num_steps=steps)
        return
    yield "pdpgd", lambda model, images, labels: attacks.pdpgd(model, images, labels, norm=p, num_steps=steps)
    yield "fab", lambda model, images, labels: attacks.fab(model, images, labels, norm=p, n_iter=max(1, passes // 11))
    yield (
        "fab_t",
        lambda model, images, labels: attacks.fab(
            model, images, labels, norm=p, n_iter=max(1, passes // 27), targeted_restarts=True
        ),
    )


def _list_foolbox(norm: str, passes: int) -> Iterator[tuple[str, Attack]]:
    foolbox: Any = importlib.import_module("foolbox")
    attacks, steps = foolbox.attacks, passes // 2
    search = {"binary_search_steps": CONSTANTS, "initial_const": FIRST_CONSTANT}
    named = {
        "linf": [("fmn", attacks.LInfFMNAttack(steps=steps)), ("deepfool", attacks.LinfDeepFoolAttack())],
        "l2": [
            ("ddn", attacks.DDNAttack(steps=steps)),
            ("carlini_wagner", attacks.L2CarliniWagnerAttack(steps=steps // CONSTANTS, **search)),
            ("deepfool", attacks.L2DeepFoolAttack()),
        ],
        "l1": [
            ("fmn", attacks.L1FMNAttack(steps=steps)),
            ("ead", attacks.EADAttack(steps=passes // 3 // CONSTANTS, decision_rule="L1", **search)),
        ],
        "l0": [("fmn", attacks.L0FMNAttack(steps=steps))],
    }

    def bind(attack: Any) -> Attack:
        def craft(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
            wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
            found: Tensor = attack(wrapped, images, labels, epsilons=None)[1].detach()
            # it returns a black image where it found nothing: as it was, then
            return torch.where(shape_per_image(found.flatten(1).amax(1) == 0), images, found)

        return craft

    for name, attack in named[norm]:
        yield name, bind(attack)


def _list_art(norm: str, passes: int) -> Iterator[tuple[str, Attack]]:
    evasion: Any = importlib.import_module("art.attacks.evasion")
    classifiers: Any = importlib.import_module("art.estimators.classification")
    whole: dict[str, Any] = {"batch_size": 512, "verbose": False}
    search = {"binary_search_steps": CONSTANTS, "initial_const": FIRST_CONSTANT, **whole}
    named = {
        "l2": [
            ("carlini_wagner", evasion.CarliniL2Method, {"max_iter": passes // 12 // CONSTANTS, **search}),
            ("deepfool", evasion.DeepFool, whole),
        ],
        "l1": [("ead", evasion.ElasticNet, {"max_iter": passes // 6 // CONSTANTS, "decision_rule": "L1", **search})],
        "l0": [("jsma", evasion.SaliencyMapMethod, {"theta": 1.0, "gamma": 0.1, **whole})],
    }

    def bind(method: Any, settings: dict[str, Any]) -> Attack:
        def craft(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
            shape = tuple(images.shape[1:])
            loss, classes = nn.CrossEntropyLoss(), int(model(images[:2]).shape[1])
            wrapped = classifiers.PyTorchClassifier(model, loss, shape, classes, clip_values=(0, 1), device_type="cpu")
            target = (labels + 1) % classes if method is evasion.SaliencyMapMethod else labels
            return torch.from_numpy(method(wrapped, **settings).generate(images.numpy(), target.numpy()))

        return craft

    for name, method, settings in named.get(norm, []):
        yield name, bind(method, settings)


def _list_secml(norm: str, passes: int) -> Iterator[tuple[str, Attack]]:
    evasion: Any = importlib.import_module("secmlt.adv.evasion")
    modules = {name: importlib.import_module(f"{evasion.__name__}.{name}") for name in ("ddn", "fmn")}
    steps = passes // 2
    attacks = {"fmn": modules["fmn"].FMN(norm, num_steps=steps, step_size=1.0)}
    if norm == "l2":
        attacks["ddn"] = modules["ddn"].DDN(num_steps=steps)

    def bind(attack: Any) -> Attack:
        def craft(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
            pairs = torch.utils.data.TensorDataset(images, labels)
            found = attack(model, torch.utils.data.DataLoader(pairs, batch_size=len(images)))
            return torch.cat([part for part, _ in found])

        return craft

    for name, attack in attacks.items():
        yield name, bind(attack)
