"""One trial: a fully resolved configuration, and its canonical form."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import model_validator
from typing_extensions import Self

from tasks.attacks.base import MOST_VALUES, MethodSettings, check_budget
from tasks.certificates.registry import is_certificate
from tasks.data.settings import DatasetSettings
from tasks.errors import Problem
from tasks.evaluation.settings import AttackSettings
from tasks.keys import format_canonical_json, format_mapping, hash_text
from tasks.kinds import MODEL_KINDS, Kind
from tasks.models.settings import ConditionSettings, ModelSettings
from tasks.settings import Count, Settings, added, keyed
from tasks.settings_rules import refuse
from tasks.training.objectives.base import Conditioning, list_attacks_of
from tasks.training.settings import AdversarialFinetuneSettings, FinetuneSettings, TrainSettings
from tasks.training.sparsity.settings import TrainedPruneSettings
from tasks.transformations.settings import InferenceSettings


class Trial(Settings):
    """One point of a search space. A stage whose section is null is skipped."""

    seed: Count = keyed(0, ge=0)
    dataset: DatasetSettings = keyed()
    model: ModelSettings = keyed()
    train: TrainSettings | None = keyed(None)
    prune: TrainedPruneSettings | None = keyed(None)
    finetune: FinetuneSettings | None = keyed(None)
    adversarial_finetune: AdversarialFinetuneSettings | None = keyed(None)
    condition: ConditionSettings | None = added(None)
    inference: InferenceSettings | None = added(None)
    attack: AttackSettings = keyed()

    @model_validator(mode="after")
    def _validation_part_where_it_is_needed(self) -> Self:
        for place, section in self.list_trainings():
            if problem := section.find_validation_problem(self.dataset.split.validation, place):
                refuse(problem.message, problem.path, *problem.beside)
        return self

    @model_validator(mode="after")
    def _budgets_are_ones_that_an_image_can_need(self) -> Self:
        sections = [(name, getattr(self, name)) for name in MODEL_KINDS]
        for budget in list_budgets(self.dataset, self.model, [("attack", self.attack), *sections]):
            check_budget(budget.method, budget.values, budget.unit, path=budget.path)
        return self

    @model_validator(mode="after")
    def _lambda_is_taken_where_it_is_trained(self) -> Self:
        for problem in find_condition_problems({kind: [getattr(self, kind)] for kind in MODEL_KINDS}):
            refuse(problem.message, problem.path)
        return self

    @model_validator(mode="after")
    def _certificate_fits_what_stands_before_the_model(self) -> Self:
        if problem := find_certificate_problem(self.attack, self.model, self.inference):
            refuse(problem.message, problem.path, *problem.beside)
        return self

    @model_validator(mode="after")
    def _generator_and_witness_fit_the_model(self) -> Self:
        if problem := find_attack_problem(self.attack, self.seed, self.model, self.inference):
            refuse(problem.message, problem.path, *problem.beside)
        return self

    def list_trainings(self) -> list[tuple[str, TrainSettings]]:
        """Where a section says how something is trained, and what it says, in the order of the chain."""
        found = [(kind, find_training(getattr(self, kind))) for kind in MODEL_KINDS]
        return [("prune.training" if kind == "prune" else kind, part) for kind, part in found if part is not None]

    @property
    def trial_id(self) -> str:
        """The first 16 hex digits of the sha256 of the canonical configuration."""
        return hash_text(format_mapping(self._list_section_texts()))[:16]

    @property
    def replicate_id(self) -> str:
        """The same for all trials that differ only in their seed."""
        return hash_text(format_mapping({**self._list_section_texts(), "seed": "null"}))[:16]

    def _list_section_texts(self) -> dict[str, str]:
        """`canonical` as canonical JSON, by section."""
        values = {name: getattr(self, name) for name in _NAMES}
        values = {name: value for name, value in values.items() if value is not None or name not in LATER}
        return {
            name: value.canonical_text if isinstance(value, Settings) else format_canonical_json(value)
            for name, value in values.items()
        }


_NAMES = tuple(Trial.model_fields)
LATER = ("condition", "inference")
"""Sections that came when ids were in use: without them these stay as they were."""


@dataclass(frozen=True)
class Budget:
    """The budget of an attack, in evaluation or in training, and what its largest depends on."""

    path: str
    method: MethodSettings
    values: int
    """Of an image, each colour alone; the most that there can be where its size is not written."""
    unit: float = 1.0
    """Pixels per unit of eps."""


def list_budgets(
    dataset: DatasetSettings, model: ModelSettings, sections: Iterable[tuple[str, Settings | None]]
) -> Iterator[Budget]:
    """The budgets of some sections of a trial, those of training too; budgets of the normalised input in its units."""
    size = dataset.image_size
    values = size * size * (dataset.channels or 3) if size else MOST_VALUES
    for name, section in sections:
        if isinstance(section, AttackSettings):
            if (unit := _find_unit(section, model)) is not None:
                yield Budget(name, section.method, values, unit)
            continue
        if (training := find_training(section)) is not None:
            place = "prune.training" if name == "prune" else name
            written = (
                f"{place}.objective" if training.objective else f"{place}.ensemble" if training.ensemble else place
            )
            for method in list_attacks_of(training.chosen_objective):
                yield Budget(f"{written}.attack", method, values)
            if training.validation_attack:
                yield Budget(f"{place}.validation_attack", training.validation_attack, values)
        if isinstance(section, TrainedPruneSettings) and section.objective:
            for method in list_attacks_of(section.objective):
                yield Budget("prune.objective.attack", method, values)


def _find_unit(attack: AttackSettings, model: ModelSettings) -> float | None:
    """Pixels per unit of eps; null where it is another for each colour."""
    deviation = model.resolve_normalisation()[1]
    if attack.eps_space == "pixel":
        return 1.0
    return None if isinstance(deviation, tuple) else deviation


def find_certificate_problem(
    attack: AttackSettings, model: ModelSettings, inference: InferenceSettings | None
) -> Problem | None:
    """Why nothing can be certified of this model behind these transformations; null where it can, and of an attack."""
    method = attack.method
    if not is_certificate(method):
        return None
    if problem := method.find_inference_problem(inference):
        return problem
    unit = _find_unit(attack, model)
    return None if unit is None else method.adopt_inference(inference).find_reach_problem(unit)


def find_attack_problem(
    attack: AttackSettings, seed: int, model: ModelSettings, inference: InferenceSettings | None
) -> Problem | None:
    """Why an attack cannot be made on this model behind these transformations; null where it can."""
    asked, witness = attack.method.required_generator, attack.witness
    knows_model = asked is not None and asked.is_trained_against_model and not attack.surrogate
    if asked is not None and knows_model and inference and attack.adaptive:
        text = f"the generator {asked.name} does not know of `inference`: set attack.adaptive: false"
        return Problem("attack.name", attack.method.name, text)
    if witness and witness.model.name == model.name and witness.seed in (None, seed):
        text = "the witness is to be another classifier than the trial's: of another seed or architecture"
        return Problem("attack.witness.model.name", model.name, text)
    return None


def find_unseen_defence(
    attacks: Sequence[AttackSettings], inferences: Sequence[InferenceSettings | None]
) -> Iterator[Problem]:
    """`adaptive: false` where no trial has a defence that an attack could pass over.

    :param attacks: the distinct attacks of some trials; likewise `inferences`.
    """
    if not any(inferences) and not all(attack.adaptive for attack in attacks):
        yield Problem("attack.adaptive", False, "cannot matter here: no `inference` puts anything before the model")


def find_training(section: Any) -> TrainSettings | None:
    """What a section trains with: itself, or what pruning has inside; null where nothing is trained."""
    found = section.training if isinstance(section, TrainedPruneSettings) else section
    return found if isinstance(found, TrainSettings) else None


def find_condition_problems(variants: Mapping[Kind, Sequence[Any]]) -> Iterator[Problem]:
    """Where sections do not fit a network that takes lambda, and why.

    :param variants: kind -> its sections, null where one is skipped.
    """
    conditional = [kind for kind, found in variants.items() if any(map(find_conditioning, found))]
    if not conditional:
        if any(variants["condition"]):
            text = "no section trains a network that takes lambda: give one `objective: {name: oat}`"
            yield Problem("condition", None, text)
        return
    for kind in MODEL_KINDS[MODEL_KINDS.index(conditional[0]) + 1 : -1]:
        if any(section is not None and not find_conditioning(section) for section in variants[kind]):
            text = f"{conditional[0]} makes a network that takes lambda (objective oat): {kind} cannot follow it"
            yield Problem(kind, None, text)
    for kind, condition in itertools.product(conditional, variants["condition"]):
        for conditioning in filter(None, map(find_conditioning, variants[kind])):
            if condition is not None and not conditioning.knows(condition.weight):
                text = f"is outside of the lambdas of {kind}, {conditioning.range}"
                yield Problem("condition.lambda", condition.weight, text)


def find_conditioning(section: Any) -> Conditioning | None:
    """How the network that a section trains takes lambda; null where it takes none, or nothing is trained."""
    training = find_training(section)
    return training.chosen_objective.conditioning if training else None


def settle_condition(trial: Trial) -> ConditionSettings | None:
    """The lambda that fixes a trial's network: what is asked for, else its training's; null where it takes none."""
    asked = [found for kind in MODEL_KINDS if (found := find_conditioning(getattr(trial, kind)))]
    if not asked:
        return None
    return trial.condition or ConditionSettings.model_validate({"lambda": asked[-1].reference})


def simplify_section(section: Any) -> Any:
    """A section without the settings that cannot matter; null where the stage would do nothing."""
    return section.simplify() if hasattr(section, "simplify") else section


def simplify_trial(trial: Trial) -> Trial:
    """The trial with every section in its canonical form."""
    sections = {name: simplify_section(getattr(trial, name)) for name in Trial.model_fields}
    found = Trial.model_construct(**sections | {"attack": sections["attack"].simplify_view(trial.inference)})
    condition = settle_condition(found)
    return found if condition == found.condition else found.model_copy(update={"condition": condition})
