"""CPUs and GPUs by kind of stage, as a space asks for them."""

from __future__ import annotations

import pytest

from orchestrator.space import space as spaces
from orchestrator.space.resources import Resources, ResourceTable
from tasks.errors import UsageError


def test_kinds_have_their_own_resources_and_the_rest_the_default() -> None:
    table, found = ResourceTable.parse({"train": {"gpus": 1}, "attack": {"gpus": "1/4"}})
    assert not found
    assert table.of("attack") == Resources(cpus=1, gpus=0.25)
    assert table.with_default(2, None).of("prune") == Resources(cpus=2)
    assert table.of("train").threads == 1


def test_what_is_said_of_gpus_is_kept_and_the_rest_is_left_open() -> None:
    table, found = ResourceTable.parse({"train": {"cpus": 2}, "attack": {"gpus": 0.5}, "prune": {"gpus": "auto"}})
    assert not found
    rest = {"finetune", "adversarial_finetune", "condition", "generator"}
    assert table.automatic == {"train", "prune", *rest}
    placed = table.with_gpus({"train": 1.0, "prune": 0.0})
    assert placed.of("train") == Resources(cpus=2, gpus=1)
    assert placed.automatic == rest
    told = table.with_default(4, 1)
    assert (told.of("train"), told.of("finetune")) == (Resources(cpus=2, gpus=1), Resources(cpus=4, gpus=1))
    assert told.of("attack") == Resources(cpus=1, gpus=0.5)
    assert not told.automatic


def test_resources_that_what_there_is_decides() -> None:
    assert ResourceTable.parse("auto") == ResourceTable.parse(None) == (ResourceTable(), [])
    assert spaces.load("smoke", ["resources=auto"]).resources == ResourceTable()
    assert ResourceTable.parse({"train": "auto"})[0].automatic == ResourceTable().automatic
    (problem,) = ResourceTable.parse("all")[1]
    assert "neither a mapping of stage kinds nor 'auto'" in str(problem)


def test_mistakes_are_named() -> None:
    _, found = ResourceTable.parse({"atack": {}, "train": {"gpu": 1}, "prune": {"cpus": 0}})
    text = "\n".join(map(str, found))
    assert "did you mean 'attack'?" in text
    assert "did you mean 'gpus'?" in text
    (several,) = ResourceTable.parse({"train": {"gpus": 2}})[1]
    assert "resources.train.gpus = 2: should be at most 1: a stage computes on one GPU" in str(several)
    assert "resources.prune.cpus = 0: should be greater than or equal to 0.01" in text
    with pytest.raises(UsageError, match="cpus"):
        ResourceTable().with_default(-1, None)


def test_resources_of_a_kind_are_set_on_the_command_line() -> None:
    space = spaces.load("smoke", ["resources.attack.gpus=0.25", "resources.train={cpus: 4, gpus: 1}"])
    assert space.resources.of("attack") == Resources(cpus=1, gpus=0.25)
    assert space.resources.of("train").threads == 4
    with pytest.raises(UsageError, match="did you mean 'gpus'"):
        spaces.load("smoke", ["resources.attack.gpu=1"])


@pytest.mark.parametrize(("gpus", "fits"), [(0, True), (0.009, False), (0.01, True), (1, True), (1.01, False)])
def test_a_share_of_a_gpu_is_a_hundredth_or_more(gpus: float, fits: bool) -> None:
    _, found = ResourceTable.parse({"attack": {"gpus": gpus}})
    says = "should be 0 or at least 0.01" if gpus < 1 else "should be at most 1: a stage computes on one GPU"
    assert [says in str(problem) for problem in found] == ([] if fits else [True])
