"""The stages of one trial: what runs, on what it builds, and the key that names its outcome."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from tasks.certificates.registry import is_certificate
from tasks.data.settings import DatasetSettings
from tasks.evaluation.settings import AttackSettings, DefendedAttackSettings
from tasks.generators.base import GeneratorSettings
from tasks.keys import format_mapping, hash_text
from tasks.kinds import MODEL_KINDS, Kind
from tasks.models.settings import ConditionSettings, ModelSettings
from tasks.settings import Settings
from tasks.training.basic import SgdSettings
from tasks.training.settings import AdversarialFinetuneSettings, FinetuneSettings, TrainSettings
from tasks.training.sparsity.settings import TrainedPruneSettings
from tasks.training.surrogate import SurrogateSettings
from tasks.trial.trial import Trial, simplify_section

VERSIONS: dict[Kind, int] = {
    "train": 1, "prune": 1, "finetune": 1, "adversarial_finetune": 1, "condition": 1, "generator": 1, "attack": 1,
}  # fmt: skip
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
    `surrogate_0` and so on: other models, against which it makes examples, and the witness of an unrestricted attack
    behind them. `generator`: what it makes them with; its own `model` is what it was trained against."""

    @property
    def identity(self) -> dict[str, Any]:
        """What the key is computed from: no paths, devices or worker counts."""
        found: dict[str, Any] = json.loads(self.identity_text)
        return found

    @property
    def identity_text(self) -> str:
        """`identity` as canonical JSON."""
        return self._format_identity(self.settings.canonical_text)

    @property
    def shared_text(self) -> str:
        """The same for stages that one run computes together."""
        settings = self.settings
        return self._format_identity(
            settings.shared_text if isinstance(settings, AttackSettings) else settings.canonical_text
        )

    def _format_identity(self, settings: str) -> str:
        return format_identity(
            self.kind, self.seed, self.dataset, self.fingerprint, self.model, settings, self.upstream
        )


def format_identity(
    kind: Kind,
    seed: int,
    dataset: DatasetSettings,
    fingerprint: str,
    model: ModelSettings,
    settings: str,
    upstream: dict[str, str],
) -> str:
    """The content of a stage key. The model stands in the first stage only: the others inherit it, and a generator that
    is trained against none has none."""
    return format_mapping(
        {
            "kind": f'"{kind}"',
            "version": str(VERSIONS[kind]),
            "seed": str(seed),
            "dataset": dataset.canonical_text,
            "data": f'"{fingerprint}"',
            "model": "null" if "model" in upstream or kind == "generator" else model.canonical_text,
            "settings": settings,
            "upstream": format_mapping({role: f'"{key}"' for role, key in upstream.items()}),
        }
    )


def _make_stage(
    kind: Kind,
    seed: int,
    dataset: DatasetSettings,
    fingerprint: str,
    model: ModelSettings,
    settings: Settings,
    upstream: tuple[tuple[str, str], ...],
) -> Stage:
    keys = dict(upstream)
    key = hash_text(format_identity(kind, seed, dataset, fingerprint, model, settings.canonical_text, keys))
    return Stage(kind, key, seed, dataset, fingerprint, model, settings, keys)


def build_chain(trial: Trial, fingerprint: str) -> tuple[Stage, ...]:
    """The stages of a trial in its canonical form, each after those that it builds on, the attack last.

    Surrogates, which settings name by a property `surrogates`, come first, and a generator stands before the attack:
    `list_own_stages` leaves them out.
    """
    sections = tuple((kind, section) for kind in MODEL_KINDS if (section := getattr(trial, kind)) is not None)
    common = _Common(trial.seed, trial.dataset, fingerprint, trial.model)
    attack = trial.attack
    if trial.inference and not is_certificate(attack.method):  # a certificate says itself what it is of
        attack = DefendedAttackSettings.of(attack, trial.inference)
    made = _add_attack(common, _build_model_stages(common, sections or (("train", UNTRAINED),)), attack)
    if not made.surrogates and not made.generators:
        return made.own
    own = {stage.key for stage in made.own}
    others = {stage.key: stage for stage in made.surrogates if stage.key not in own}
    return (*others.values(), *made.own[:-1], *made.generators, made.own[-1])


class _Common(NamedTuple):
    """What all stages of a trial have in common."""

    seed: int
    dataset: DatasetSettings
    fingerprint: str
    model: ModelSettings


class _Stages(NamedTuple):
    """The first stages of a trial."""

    surrogates: tuple[Stage, ...]
    """Of other models."""
    own: tuple[Stage, ...]
    """They make the trial's own model."""
    generators: tuple[Stage, ...] = ()
    """What the attack makes its examples with."""


@lru_cache(maxsize=65536)
def _build_model_stages(common: _Common, sections: tuple[tuple[Kind, Settings], ...]) -> _Stages:
    """The model stages of a trial; what its first sections have made is shared with every trial that begins so."""
    if not sections:
        return _Stages((), ())
    return _add_stage(common, _build_model_stages(common, sections[:-1]), *sections[-1])


def _add_stage(common: _Common, before: _Stages, kind: Kind, section: Settings) -> _Stages:
    """One more stage, and the surrogates that it takes."""
    upstream, surrogates = _find_upstream(common, before, section)
    own = (*before.own, _make_stage(kind, *common, section, upstream))
    return _Stages(before.surrogates + surrogates, own)


def _choose_seed(common: _Common, asked: SurrogateSettings | GeneratorSettings) -> int:
    return common.seed if asked.seed is None else asked.seed


def _add_attack(common: _Common, before: _Stages, attack: AttackSettings) -> _Stages:
    """The last stage, the surrogates that it takes, and its generator."""
    upstream, surrogates = _find_upstream(common, before, attack)
    asked = attack.method.required_generator
    generators: tuple[Stage, ...] = ()
    if asked is not None:
        target = dict(upstream)["surrogate_0" if attack.surrogate else "model"]
        seed = 0 if asked.weights else _choose_seed(common, asked)
        generator = _make_stage(
            "generator",
            *common._replace(seed=seed),
            asked.model_copy(update={"seed": None}),  # it stands in the stage itself
            (("model", target),) if asked.is_trained_against_model else (),
        )
        upstream, generators = (*upstream, ("generator", generator.key)), (generator,)
    own = (*before.own, _make_stage("attack", *common, attack, upstream))
    return _Stages(before.surrogates + surrogates, own, generators)


def _find_upstream(
    common: _Common, before: _Stages, section: Settings
) -> tuple[tuple[tuple[str, str], ...], tuple[Stage, ...]]:
    """Role and key of what a stage builds on, and the stages of its surrogates."""
    chains = tuple(_build_surrogate(common, asked) for asked in getattr(section, "surrogates", ()))
    upstream = tuple((f"surrogate_{number}", chain[-1].key) for number, chain in enumerate(chains))
    if before.own:
        upstream = (("model", before.own[-1].key), *upstream)
    return upstream, tuple(stage for chain in chains for stage in chain)


SECTIONS: dict[Kind, type[Settings]] = {
    "train": TrainSettings,
    "prune": TrainedPruneSettings,
    "finetune": FinetuneSettings,
    "adversarial_finetune": AdversarialFinetuneSettings,
    "condition": ConditionSettings,
}
"""The settings of the stages that make a model; the section of a surrogate becomes that of a trial."""


@lru_cache(maxsize=4096)
def _build_surrogate(common: _Common, asked: SurrogateSettings) -> tuple[Stage, ...]:
    """The stages that make a surrogate, and the surrogates of its own: those of a trial that makes this model so, which
    then shares them."""
    sections: list[tuple[Kind, Settings]] = []
    for kind in MODEL_KINDS:
        section = getattr(asked, kind, None)  # a surrogate that takes lambda answers by its reference
        if section is not None:
            section = simplify_section(SECTIONS[kind].model_validate(section.document()))
        if section is not None:
            sections.append((kind, section))
    seed = _choose_seed(common, asked)
    its_own = common._replace(seed=seed, model=asked.model)
    made = _build_model_stages(its_own, tuple(sections) or (("train", UNTRAINED),))
    return (*made.surrogates, *made.own)


def list_own_stages(chain: Sequence[Stage]) -> list[Stage]:
    """The stages of a chain that make and attack the trial's own model, the attack last."""
    by_key = {stage.key: stage for stage in chain}
    return [by_key[key] for key in list_own_keys(chain[-1].key, {key: by_key[key].upstream for key in by_key})]


def list_stages_of_row(chain: Sequence[Stage]) -> list[Stage]:
    """The stages that a row of results names, one of each kind: its own, and the generator of its attack."""
    return [*list_own_stages(chain), *(stage for stage in chain if stage.key == chain[-1].upstream.get("generator"))]


def list_own_keys(last: str, upstream: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Keys of the stages that make and attack the trial's own model, those of surrogates left out.

    :param last: key of the attack, which stands last in the answer too.
    :param upstream: key of a stage -> role -> key of a stage that it builds on.
    """
    keys = [last]
    while before := upstream[keys[-1]].get("model"):
        keys.append(before)
    return keys[::-1]


def make_run_key(stage: Stage) -> str:
    """The same for stages that one run computes together: attacks that differ in steps or in the verdict alone."""
    if not isinstance(stage.settings, AttackSettings):
        return stage.key
    return hash_text(stage.shared_text)
