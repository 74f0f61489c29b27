"""AutoAttack runs its four attacks with the settings of the paper, each on the survivors of those before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from tasks.attacks.apgd import craft as apgd
from tasks.attacks.autoattack.craft import craft_autoattack
from tasks.attacks.autoattack.settings import AutoAttackSettings
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.fab import craft as fab
from tasks.attacks.square import craft as square
from tests.support.attack_models import job_of, network, network_images


@pytest.mark.parametrize("norm", ["l2", "l1"])
def test_the_standard_attacks_in_their_order(norm: Literal["l2", "l1"], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is replaced by one that fools the model on the first image it is given."""
    model = network()
    job = job_of(model, network_images(model, 14), (7,))
    other = network_images(model, 40)
    foreign = job_of(model, other, (1,))
    asked: list[tuple[str, int, dict[str, Any]]] = []
    passes: list[float] = []

    def fool_first(attacked: AttackJob) -> Tensor:
        images = attacked.clean.clone()
        images[0] = foreign.clean[foreign.labels.ne(attacked.labels[0])][0]
        return images

    def replaced(name: str) -> Callable[..., dict[int, Tensor]]:
        def craft(attacked: AttackJob, settings: Any) -> dict[int, Tensor]:
            asked.append((name, len(attacked.labels), settings.document()))
            passes.append(settings.expected_passes)
            return {attacked.step_counts[0]: fool_first(attacked)}

        return craft

    def toward(attacked: AttackJob, settings: Any, eps: float, rank: int) -> Tensor:
        asked.append((f"fab_t {rank} {eps:.3g}", len(attacked.labels), settings.document()))
        passes.append(settings.expected_passes / settings.targets)
        return fool_first(attacked)

    monkeypatch.setattr(apgd, "craft_apgd_ce", replaced("apgd_ce"))
    monkeypatch.setattr(apgd, "craft_apgd_t", replaced("apgd_t"))
    monkeypatch.setattr(fab, "run_toward_target", toward)
    monkeypatch.setattr(square, "craft_square", replaced("square"))
    whole = AutoAttackSettings(name="autoattack", norm=norm, eps=0.25)
    found = craft_autoattack(job, whole)[7]
    assert whole.expected_passes == sum(passes)
    names = ["apgd_ce", "apgd_t", *(f"fab_t {rank} 0.25" for rank in range(9)), "square"]
    assert [(name, count) for name, count, _ in asked] == list(zip(names, range(14, 2, -1), strict=True))
    assert all((document["norm"], document["eps"]) == (norm, 0.25) for _, _, document in asked)
    steps = {name.split()[0]: document["steps"] for name, _, document in asked}
    assert steps == {"apgd_ce": 100, "apgd_t": 100, "fab_t": 100, "square": 5000}
    runs = {name: (document.get("restarts"), document.get("targets")) for name, _, document in asked}
    assert runs["apgd_ce"] == ((5 if norm == "l1" else 1), None)
    assert runs["apgd_t"] == (1, 5 if norm == "l1" else 9)
    assert torch.equal(found[12:], job.clean[12:])
    assert job.is_adversarial(found).tolist() == [True] * 12 + [False] * 2


def test_the_form_for_random_models_follows_the_mean_of_twenty_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int, dict[str, Any]]] = []

    def replaced(name: str) -> Callable[..., dict[int, Tensor]]:
        def craft(attacked: AttackJob, settings: Any, *, looks: int) -> dict[int, Tensor]:
            asked.append((name, looks, settings.document()))
            return {attacked.step_counts[0]: attacked.clean}

        return craft

    model = network()
    job = job_of(model, network_images(model, 4), (7,))
    monkeypatch.setattr(apgd, "craft_apgd_ce", replaced("ce"))
    monkeypatch.setattr(apgd, "craft_apgd_dlr", replaced("dlr"))
    found = craft_autoattack(job, AutoAttackSettings(name="autoattack", eps=0.25, version="rand"))[7]
    assert torch.equal(found, job.clean)
    assert [(name, looks) for name, looks, _ in asked] == [("ce", 20), ("dlr", 20)]
    assert all(document["steps"] == 100 and document["restarts"] == 1 for _, _, document in asked)
    standard = AutoAttackSettings(name="autoattack", eps=0.25)
    assert "version" not in standard.canonical(), "the keys of settings that stood before stay as they are"
