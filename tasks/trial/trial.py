"""One trial: a fully resolved configuration, and its canonical form."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from tasks.attacks.base import MOST_VALUES, check_budget
from tasks.certificates.registry import is_certificate
from tasks.data.settings import DatasetSettings
from tasks.evaluation.settings import AttackSettings
from tasks.keys import format_canonical_json, format_mapping, hash_text
from tasks.kinds import MODEL_KINDS
from tasks.models.settings import ModelSettings
from tasks.settings import Count, Settings, added, keyed
from tasks.training.objectives.base import list_attacks_of
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
    inference: InferenceSettings | None = added(None)
    attack: AttackSettings = keyed()

    @model_validator(mode="after")
    def _validation_part_where_it_is_needed(self) -> Self:
        for place, section in self.list_trainings():
            problem = section.find_validation_problem(self.dataset.split.validation)
            if problem:
                raise PydanticCustomError("validation", "{text}", {"text": f"{place}.{problem}"})
        return self

    @model_validator(mode="after")
    def _budgets_are_ones_that_an_image_can_need(self) -> Self:
        """Those of training too, where the size of the images is written; budgets of the normalised input in pixels."""
        size, deviation = self.dataset.image_size, self.model.resolve_normalisation()[1]
        values = size * size * (self.dataset.channels or 3) if size else MOST_VALUES
        if self.attack.eps_space == "pixel":
            check_budget(self.attack.method, values, path="attack")
        elif not isinstance(deviation, tuple):
            check_budget(self.attack.method, values, deviation, path="attack")
        for place, section in self.list_trainings():
            for method in list_attacks_of(section.chosen_objective):
                check_budget(method, values, path=f"{place}.attack")
        if self.prune and self.prune.objective:
            for method in list_attacks_of(self.prune.objective):
                check_budget(method, values, path="prune.objective.attack")
        return self

    @model_validator(mode="after")
    def _certificate_fits_what_stands_before_the_model(self) -> Self:
        method = self.attack.method
        problem = method.find_inference_problem(self.inference) if is_certificate(method) else None
        if problem:
            raise PydanticCustomError("certificate", "{text}", {"text": problem, "path": "attack"})
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
        values = {name: getattr(self, name) for name in _NAMES if name != "inference" or self.inference is not None}
        return {
            name: value.canonical_text if isinstance(value, Settings) else format_canonical_json(value)
            for name, value in values.items()
        }


_NAMES = tuple(Trial.model_fields)


def find_training(section: Any) -> TrainSettings | None:
    """What a section trains with: itself, or what pruning has inside; null where nothing is trained."""
    found = section.training if isinstance(section, TrainedPruneSettings) else section
    return found if isinstance(found, TrainSettings) else None


def simplify_section(section: Any) -> Any:
    """A section without the settings that cannot matter; null where the stage would do nothing."""
    return section.simplify() if hasattr(section, "simplify") else section


def simplify_trial(trial: Trial) -> Trial:
    """The trial with every section in its canonical form."""
    sections = {name: simplify_section(getattr(trial, name)) for name in Trial.model_fields}
    return Trial.model_construct(**sections | {"attack": sections["attack"].simplify_view(trial.inference)})
