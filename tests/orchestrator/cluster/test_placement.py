"""Who gets a GPU where nobody has said so, and what is said of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.cluster import placement
from orchestrator.cluster.capacity import Growth, Shape
from orchestrator.cluster.placement import HINT, MPS_DAEMON, SHARES, Supply, place_stages, survey_machine
from orchestrator.space.resources import ResourceTable
from orchestrator.space.space import build
from tasks.devices import GPU_DEVICE
from tasks.errors import UsageError
from tasks.kinds import KINDS

BOX = Supply([Shape("this machine", 64, 8)])
NONE = {kind: {"gpus": 0} for kind in KINDS}
NOTHING = Supply([Shape("this machine", 64, 0)])


def shares(resources: ResourceTable) -> dict[str, float]:
    return {kind: resources.of(kind).gpus for kind in KINDS}


def parse(raw: Any) -> ResourceTable:
    table, found = ResourceTable.parse(raw)
    assert not found
    return table


def test_by_default_training_has_a_whole_gpu_an_attack_a_share_and_pruning_none() -> None:
    found = place_stages(ResourceTable(), KINDS, "auto", BOX)
    assert shares(found.resources) == SHARES
    assert SHARES["train"] == SHARES["finetune"] == SHARES["adversarial_finetune"] == 1
    assert 0 < SHARES["attack"] < 1
    assert SHARES["prune"] == SHARES["condition"] == 0
    held = "train 1, prune none, finetune 1, adversarial_finetune 1, condition none, generator 1, attack 0.25"
    assert found.words == f"8 GPUs: {held} ({HINT})"


def test_it_is_said_whether_stages_that_share_a_gpu_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path / "pipes"))
    monkeypatch.setattr(placement, "find_gpu_problem", lambda: None)
    assert survey_machine(8, 1).sharing is None, "no MPS on this machine"
    daemon = tmp_path / MPS_DAEMON
    daemon.write_text("#!/bin/sh\n")
    daemon.chmod(0o755)
    assert survey_machine(8, 0).sharing is None, "no GPU"
    alone = survey_machine(8, 1)
    shared = place_stages(ResourceTable(), ["train", "attack"], "auto", alone).words
    assert shared is not None
    assert shared.endswith(
        f"; stages that share a GPU take turns: `{MPS_DAEMON} -d` lets them compute at the same time"
    )
    whole = place_stages(ResourceTable(), ["train"], "auto", alone).words
    assert whole == f"1 GPU: train 1 ({HINT})", "nobody shares one"
    (tmp_path / "pipes").mkdir()
    (tmp_path / "pipes" / "control").touch()
    assert survey_machine(8, 1).sharing == "stages that share a GPU compute at the same time (MPS)"


def test_pruning_that_trains_has_what_training_has() -> None:
    training = {"epochs": 1, "optimizer": {"name": "sgd"}}
    prune = {"ratio": 0.5, "importance": "hydra", "training": training}
    content = {"dataset": {"name": "digits"}, "model": {"name": "resnet8"}, "attack": {"name": "fgsm", "eps": 0}}
    tables = [build("a", "a", {**content, "prune": section}).resources for section in ({"ratio": 0.5}, prune)]
    found = [place_stages(table, ["prune", "attack"], "auto", BOX).resources for table in tables]
    assert [table.of("prune").gpus for table in found] == [0, SHARES["train"]]
    asked = build("a", "a", {**content, "prune": prune, "resources": {"prune": {"gpus": 0.5}}}).resources
    assert place_stages(asked, ["prune"], "auto", BOX).resources.of("prune").gpus == 0.5


def test_what_was_asked_for_is_left_as_it_is() -> None:
    found = place_stages(parse({"train": {"gpus": 0.5}, "attack": {"gpus": 0}}), ["train", "attack"], "auto", BOX)
    assert (found.resources.of("train").gpus, found.resources.of("attack").gpus) == (0.5, 0)
    assert found.words == "8 GPUs: train 0.5, attack none"


def test_without_a_gpu_nothing_changes_and_nothing_is_said() -> None:
    found = place_stages(ResourceTable(), KINDS, "auto", NOTHING)
    assert set(shares(found.resources).values()) == {0}
    assert found.words is None
    with pytest.raises(UsageError, match="--device cuda: there is no GPU here"):
        place_stages(ResourceTable(), KINDS, "cuda", NOTHING)


@pytest.mark.parametrize(
    ("raw", "device", "kinds", "supply", "reason"),
    [
        (None, "cpu", KINDS, BOX, "--device cpu was given"),
        ({"train": {"gpus": 1}}, "cpu", KINDS, BOX, "--device cpu was given"),
        (None, "auto", ["prune"], BOX, "no stage of this sweep is given one"),
        (NONE, "auto", KINDS, BOX, "no stage of this sweep is given one"),
        (None, "auto", KINDS, Supply(BOX.nodes, problem="no CUDA in torch"), "no CUDA in torch"),
    ],
)
def test_gpus_that_nobody_uses_are_never_idle_without_a_word(
    raw: Any, device: Any, kinds: Any, supply: Supply, reason: str
) -> None:
    found = place_stages(parse(raw), kinds, device, supply)
    assert {found.resources.of(kind).gpus for kind in kinds} == {0}
    assert found.words == f"8 GPUs stay idle: {reason}"


def test_gpus_for_which_there_are_too_few_cpus_are_counted() -> None:
    found = place_stages(parse({"train": {"cpus": 2}}), ["train", "prune"], "auto", Supply([Shape("node", 4, 8)]))
    assert found.resources.of("train").gpus == 1
    assert found.words is not None
    assert "at most 2 of them are used at a time" in found.words
    packed = place_stages(ResourceTable(), ["attack"], "auto", Supply([Shape("node", 4, 1)]))
    assert packed.words is not None
    assert "at most" not in packed.words


@pytest.mark.parametrize(("share", "cpus", "used"), [(0.6, 3, 3), (0.4, 3, 2), (0.25, 3, 1), (1.0, 2, 2)])
def test_a_share_is_of_one_gpu_however_much_of_it_is_left(share: float, cpus: int, used: int) -> None:
    found = place_stages(parse({"attack": {"gpus": share}}), ["attack"], "auto", Supply([Shape("node", cpus, 4)]))
    assert f"at most {used} of them are used at a time" in (found.words or "")


def test_a_gpu_that_is_asked_for_where_none_can_come_is_not_promised() -> None:
    found = place_stages(parse({"train": {"gpus": 0.25}}), ["train", "attack"], "auto", NOTHING)
    assert found.words == "no GPU here, and train asks for 0.25: a launch on this machine alone is refused"


def test_a_kind_whose_cpus_no_gpu_node_has_stays_on_cpus() -> None:
    supply = Supply([Shape("node", 16, 0), Shape("node", 4, 1)])
    found = place_stages(parse({"train": {"cpus": 8}}), ["train", "attack"], "auto", supply)
    assert shares(found.resources) == {**shares(ResourceTable()), "attack": 0.25, "finetune": 1,
                                       "adversarial_finetune": 1, "generator": 1}  # fmt: skip


@pytest.mark.parametrize("raw", [NONE, {"train": {"gpus": 0}, "attack": {"gpus": 0}}])
def test_cuda_is_refused_where_no_stage_would_use_it(raw: Any) -> None:
    with pytest.raises(UsageError, match="no stage of this sweep is given a GPU"):
        place_stages(parse(raw), ["train", "prune", "attack"], "cuda", BOX)


@pytest.mark.parametrize(("raw", "device"), [({"train": {"gpus": 1}}, "auto"), (None, "cuda")])
def test_a_torch_that_cannot_use_the_gpus_is_named(raw: Any, device: Any) -> None:
    with pytest.raises(UsageError, match=re.escape("torch 0+cpu: install")):
        place_stages(parse(raw), KINDS, device, Supply(BOX.nodes, problem="torch 0+cpu"))


def test_nodes_that_an_autoscaler_starts_count() -> None:
    head = [Shape("node", 0, 0)]
    found = place_stages(ResourceTable(), ["train"], "auto", Supply(head, Growth([Shape("type gpu", 4, 1)])))
    assert found.resources.of("train").gpus == 1
    assert found.words == f"GPUs of nodes that are still to come: train 1 ({HINT})"
    unknown = Supply(head, Growth(known=False))
    assert place_stages(ResourceTable(), ["train"], "auto", unknown).resources.of("train").gpus == 0, "it might wait"
    assert place_stages(ResourceTable(), ["train"], "cuda", unknown).resources.of("train").gpus == 1


def test_a_build_of_torch_without_cuda_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "count_usable_gpus", lambda: 2)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    assert survey_machine(4).problem == f"torch {torch.__version__} is built without CUDA"
    assert survey_machine(4, 0).problem is None
    monkeypatch.setenv(GPU_DEVICE, "cpu")
    assert survey_machine(4).problem is None
    monkeypatch.delenv(GPU_DEVICE)
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    assert survey_machine(4) == Supply([Shape("this machine", 4, 2)])
