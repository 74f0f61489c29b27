"""The stages of one trial: what runs, on what it builds, and the key that names its outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from tasks.attacks.settings import AttackSettings
from tasks.data.settings import DatasetSettings
from tasks.keys import digest
from tasks.models.settings import ModelSettings
from tasks.settings import Settings
from tasks.training.settings import SgdSettings, TrainSettings
from tasks.trial import Trial

Kind = Literal["train", "prune", "finetune", "adversarial_finetune", "attack"]

MODEL_KINDS: tuple[Kind, ...] = ("train", "prune", "finetune", "adversarial_finetune")
KINDS: tuple[Kind, ...] = (*MODEL_KINDS, "attack")
"""In the order in which a trial walks them."""

VERSIONS: dict[Kind, int] = {"train": 1, "prune": 1, "finetune": 1, "adversarial_finetune": 1, "attack": 1}
"""Raised when the same settings would give another outcome than before, so that nothing stale is reused."""

UNTRAINED = TrainSettings(epochs=0, optimizer=SgdSettings())
"""What a chain starts with where no model stage is asked for: the initial weights."""


@dataclass(frozen=True)
class Stage:
    """One unit of work that is computed once: equal key, same outcome."""

    kind: Kind
    key: str
    """sha256 of `identity`."""
    seed: int
    dataset: DatasetSettings
    fingerprint: str
    """sha256 of the content of the data set."""
    model: ModelSettings
    settings: Settings
    upstream: dict[str, str] = field(default_factory=dict)
    """Role -> key of the stage that it builds on; empty: it starts from initial weights."""

    @property
    def identity(self) -> dict[str, Any]:
        """What the key is computed from: no paths, devices or worker counts."""
        return identity(self.kind, self.seed, self.dataset, self.fingerprint, self.model, self.settings, self.upstream)


def identity(
    kind: Kind,
    seed: int,
    dataset: DatasetSettings,
    fingerprint: str,
    model: ModelSettings,
    settings: Settings,
    upstream: dict[str, str],
) -> dict[str, Any]:
    """The content of a stage key. The model stands in the first stage only: the others inherit it."""
    return {
        "kind": kind,
        "version": VERSIONS[kind],
        "seed": seed,
        "dataset": _canonical(dataset),
        "data": fingerprint,
        "model": None if upstream else _canonical(model),
        "settings": _canonical(settings),
        "upstream": upstream,
    }


@lru_cache(maxsize=4096)
def _canonical(settings: Settings) -> dict[str, Any]:
    return settings.canonical()


@lru_cache(maxsize=65536)
def _stage(
    kind: Kind, seed: int, dataset: DatasetSettings, fingerprint: str, model: ModelSettings, settings: Settings, on: str
) -> Stage:
    """One stage object per distinct stage, however many trials share it."""
    upstream = {"model": on} if on else {}
    key = digest(identity(kind, seed, dataset, fingerprint, model, settings, upstream))
    return Stage(kind, key, seed, dataset, fingerprint, model, settings, upstream)


def chain(trial: Trial, fingerprint: str) -> tuple[Stage, ...]:
    """The stages of a trial in its canonical form, each building on the one before, the attack last."""
    sections: list[tuple[Kind, Settings]] = [
        (kind, section) for kind in MODEL_KINDS if (section := getattr(trial, kind)) is not None
    ]
    stages: list[Stage] = []
    for kind, section in [*(sections or [("train", UNTRAINED)]), ("attack", trial.attack)]:
        on = stages[-1].key if stages else ""
        stages.append(_stage(kind, trial.seed, trial.dataset, fingerprint, trial.model, section, on))
    return tuple(stages)


def shared_run(stage: Stage) -> str:
    """The same for stages that one run computes together: attacks that differ in steps or in the verdict alone."""
    if not isinstance(stage.settings, AttackSettings):
        return stage.key
    return digest({**stage.identity, "settings": stage.settings.shared()})
