"""Fixtures that several tests share.

What takes long to import is imported where it is used: the process that hands out tests to others needs none of it.
"""

from __future__ import annotations

import atexit
import gc
import itertools
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support.made_once import GIVEN, SHARED

if TYPE_CHECKING:
    from tasks.trial.trial import Trial

os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's own 15 lets what computes beside a test starve its workers

CONFIG = {
    "seed": 0,
    "dataset": {"name": "digits", "image_size": 16, "train_examples": 200, "split": {"test": 0.1}},
    "model": {"name": "resnet8"},
    "train": {"epochs": 2, "batch_size": 32, "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9}},
    "prune": {"ratio": 0.5},
    "finetune": {"epochs": 1, "optimizer": {"name": "sgd", "lr": 0.02, "momentum": 0.9}},
    "adversarial_finetune": {
        "lambda": 0.5,
        "epochs": 1,
        "optimizer": {"name": "adam", "lr": 0.001},
        "attack": {"name": "ifgsm", "eps": "8/255", "steps": 2},
    },
    "attack": {"name": "ifgsm", "eps": "8/255", "steps": 3},
}
"""A whole chain that runs in about a second."""


LONGEST = (
    "cluster",
    "sweep",
    "pretended_gpu",
    "faults_nodes",
    "faults",
    "faults_heads",
    "plugins",
    "faults_kills",
    "faults_memory",
    "run",  # of tests/mutation
    "code",
    "sweep_on_s3",
    "plugins_elsewhere",
    "resources",
)
"""Files that take a minute or more, the longest first."""


def pytest_configure(config: pytest.Config) -> None:
    """The processes of a whole run share a folder, and what they compile, though `PYTHONDONTWRITEBYTECODE` is set.

    They start hundreds, and each would compile our sources anew. What runs a changed copy (`tests/mutation`) is one
    process, and writes nothing.
    """
    if config.getoption("numprocesses", None):
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if not hasattr(config, "workerinput"):
        given = os.environ.pop(GIVEN, None)
        os.environ[SHARED] = folder = given or tempfile.mkdtemp(prefix="shared-")
        if not given:
            config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


LARGEST = (
    "orchestrator/report",
    "tasks/attacks",
    "orchestrator/cli",
    "tasks/models",
    "orchestrator/tracking",
    "orchestrator/results",
    "orchestrator/plan",
    "tasks/stages",
    "tasks/training",
    "orchestrator/store",
    "tasks/evaluation",
    "orchestrator/space",
    "advsweep/test_sweep.py",
)
"""Rooms whose quick tests take longest, the longest first."""


ALL_SLOW = re.compile(r"^pytestmark = .*pytest\.mark\.slow", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A module of slow tests alone is not imported where they are left out, unless it is asked for by its name."""
    return (
        leaves_out_slow_tests(config)
        and collection_path.suffix == ".py"
        and not any(collection_path.name in argument for argument in config.args)
        and ALL_SLOW.search(collection_path.read_text()) is not None
    ) or None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """What was imported and collected stays, so that nobody looks at its half a million objects for garbage.

    That took a seventh of the time in which tests are collected, and a part of that of every test.
    """
    gc.disable()
    found = yield
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()
    return found


atexit.register(gc.unfreeze)
"""At the end of the process libraries count what they think was left over; pytest looks for garbage before."""


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """What the tests left is garbage by now, or stays: pytest looks for garbage again and again after this."""
    gc.collect()
    gc.freeze()


def name_room(nodeid: str) -> str:
    """Where a test stands: `orchestrator/report`, or its file where that is in no room."""
    return "/".join(nodeid.partition("::")[0].split("/")[1:3])


class ByRoom(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Whole rooms for a process: what many of their files need, such as a trained network, is made once."""

    def _split_scope(self, nodeid: str) -> str:
        return name_room(nodeid)


def leaves_out_slow_tests(config: pytest.Config) -> bool:
    """Whether the quick tests alone are asked for: a room of them takes seconds."""
    return "not slow" in config.option.markexpr


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return ByRoom(config, log) if leaves_out_slow_tests(config) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest files first, then the others with slow tests: processes that share the tests end at the same time."""
    if leaves_out_slow_tests(config):
        places = {room: place for place, room in enumerate(LARGEST)}
        items.sort(key=lambda item: places.get(name_room(item.nodeid), len(places)))
        return
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    ranks = {f"test_{name}.py": rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks) + (item.path not in slow)))


@pytest.fixture(scope="session", autouse=True)
def no_compiler() -> Iterator[None]:
    """torch imports its compiler, two seconds of CPU time, and what compares the tensors of several processes, another
    second, where a test asks for them alone."""
    from torch.testing import _comparison

    from tasks.without_compiler import replace_compiler

    _comparison._HAS_DTENSOR = False
    with replace_compiler():
        hear_loggers_of_torch()
        yield


def hear_loggers_of_torch() -> None:
    """pytest also listens to each logger that tells the root nothing: torch has forty, and every test pays for them."""
    for name, logger in logging.getLogger().manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and name.startswith("torch"):
            logger.propagate = True


@pytest.fixture(scope="session", autouse=True)
def shared_environment() -> Iterator[None]:
    """What the fixtures of a module make has nothing of the user's own settings either, and a cache of the run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in filter(is_setting, list(os.environ)):
            patch.delenv(name)
        patch.setenv("ADVSWEEP_CACHE", f"{os.environ[SHARED]}/cache-{os.getpid()}")
        yield


NUMBERS = itertools.count()
SERVICE = "WANDB_SERVICE"
"""W&B leaves the socket of its service here, for processes that start later, and the socket ends with its test."""


@pytest.fixture(autouse=True)
def private_environment() -> Iterator[None]:
    """Nothing of the user's own settings, a cache of its own, and one thread: results are compared bit for bit.

    `tmp_path` would make a folder for every test, and each fixture that this took would cost it half a millisecond.
    """
    import torch

    torch.set_num_threads(1)
    kept = {name: os.environ.pop(name) for name in list(os.environ) if is_setting(name)}
    kept.pop(SERVICE, None)
    os.environ["ADVSWEEP_CACHE"] = f"{os.environ[SHARED]}/cache-{os.getpid()}-{next(NUMBERS)}"
    yield
    for name in [name for name in os.environ if is_setting(name)]:
        del os.environ[name]
    os.environ.update(kept)


def is_setting(name: str) -> bool:
    return name.startswith(("ADVSWEEP_", "WANDB_")) and name not in ("ADVSWEEP_CHROMIUM", "ADVSWEEP_TEST_DATA")


@pytest.fixture
def trial() -> Trial:
    """The trial of CONFIG in canonical form."""
    from tasks.trial.trial import Trial, simplify_trial

    return simplify_trial(Trial.model_validate(CONFIG))


@pytest.fixture
def space_file(tmp_path: Path) -> Path:
    """A small space of eight trials: two pruning ratios, two lambdas, two step counts."""
    from orchestrator.space.space import load

    path = tmp_path / "small.yaml"
    path.write_text(SMALL_SPACE)
    assert len(load(str(path)).trials) == 8
    return path


SMALL_SPACE = """
description: a small space for tests
dataset: {name: digits, image_size: 16, train_examples: 200, split: {test: 0.1}}
model: {name: resnet8}
train: {epochs: 2, batch_size: 32, optimizer: {name: sgd, lr: 0.1, momentum: 0.9}}
prune: {ratio: {grid_search: [0.0, 0.5]}}
adversarial_finetune:
  lambda: {grid_search: [0, 0.5]}
  epochs: 2
  batch_size: 32
  optimizer: {name: sgd, lr: 0.02, momentum: 0.9}
  attack: {name: fgsm, eps: 16/255}
attack: {name: ifgsm, eps: 16/255, steps: {grid_search: [2, 5]}, step_size: 4/255}
"""
