"""The stages of one trial: what runs, on what it builds, and the key that names its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from tasks.attacks.settings import AttackSettings
from tasks.data.settings import DatasetSettings
from tasks.keys import digest
from tasks.models.settings import ModelSettings
from tasks.settings import Settings
from tasks.training.basic import SgdSettings
from tasks.training.settings import AdversarialFinetuneSettings, FinetuneSettings, TrainSettings
from tasks.training.surrogate import SurrogateSettings
from tasks.trial import Trial, normalized

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
    """Role -> key of a stage that it builds on. `model`: what it starts from; without it, initial weights.
    `surrogate_0` and so on: other models, against which it makes examples."""

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
        "model": None if "model" in upstream else _canonical(model),
        "settings": _canonical(settings),
        "upstream": upstream,
    }


@lru_cache(maxsize=4096)
def _canonical(settings: Settings) -> dict[str, Any]:
    return settings.canonical()


@lru_cache(maxsize=65536)
def _stage(
    kind: Kind,
    seed: int,
    dataset: DatasetSettings,
    fingerprint: str,
    model: ModelSettings,
    settings: Settings,
    on: tuple[tuple[str, str], ...],
) -> Stage:
    """One stage object per distinct stage, however many trials share it."""
    upstream = dict(on)
    key = digest(identity(kind, seed, dataset, fingerprint, model, settings, upstream))
    return Stage(kind, key, seed, dataset, fingerprint, model, settings, upstream)


def chain(trial: Trial, fingerprint: str) -> tuple[Stage, ...]:
    """The stages of a trial in its canonical form, each after those that it builds on, the attack last.

    Surrogates, which settings name by a property `surrogates`, come first: `main_line` leaves them out.
    """
    sections: list[tuple[Kind, Settings]] = [
        (kind, section) for kind in MODEL_KINDS if (section := getattr(trial, kind)) is not None
    ]
    surrogates: dict[str, Stage] = {}
    stages: list[Stage] = []
    for kind, section in [*(sections or [("train", UNTRAINED)]), ("attack", trial.attack)]:
        others = [_surrogate(trial, fingerprint, asked) for asked in getattr(section, "surrogates", ())]
        surrogates |= {stage.key: stage for line in others for stage in line}
        roles = [(f"surrogate_{number}", line[-1].key) for number, line in enumerate(others)]
        on = (("model", stages[-1].key), *roles) if stages else tuple(roles)
        stages.append(_stage(kind, trial.seed, trial.dataset, fingerprint, trial.model, section, on))
    main = {stage.key for stage in stages}
    return (*(stage for key, stage in surrogates.items() if key not in main), *stages)


WHOLE: dict[Kind, type[TrainSettings]] = {
    "train": TrainSettings,
    "finetune": FinetuneSettings,
    "adversarial_finetune": AdversarialFinetuneSettings,
}
"""What a surrogate's section becomes: the settings of the same stage of a trial."""


def _surrogate(trial: Trial, fingerprint: str, asked: SurrogateSettings) -> list[Stage]:
    """The stages that make a surrogate: those of a trial that makes this model so, which then shares them."""
    seed = trial.seed if asked.seed is None else asked.seed
    line: list[Stage] = []
    for kind in MODEL_KINDS:
        section = getattr(asked, kind)
        if section is not None and kind in WHOLE:
            section = normalized(WHOLE[kind].model_validate(section.document()))
        if section is not None:
            on = (("model", line[-1].key),) if line else ()
            line.append(_stage(kind, seed, trial.dataset, fingerprint, asked.model, section, on))
    return line or [_stage("train", seed, trial.dataset, fingerprint, asked.model, UNTRAINED, ())]


def main_line(chain: Sequence[Stage]) -> list[Stage]:
    """The stages of a chain that make and attack the trial's own model, the attack last."""
    by_key = {stage.key: stage for stage in chain}
    line = [chain[-1]]
    while on := line[-1].upstream.get("model"):
        line.append(by_key[on])
    return line[::-1]


def shared_run(stage: Stage) -> str:
    """The same for stages that one run computes together: attacks that differ in steps or in the verdict alone."""
    if not isinstance(stage.settings, AttackSettings):
        return stage.key
    return digest({**stage.identity, "settings": stage.settings.shared()})
