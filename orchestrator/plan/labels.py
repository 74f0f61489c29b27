"""What a job computes, in the few words that a line of a display has room for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.results.tradeoff import format_setting
from tasks.evaluation.settings import AttackSettings
from tasks.generators.base import GeneratorSettings
from tasks.models.settings import ConditionSettings
from tasks.pruning.settings import PruneSettings
from tasks.training.objectives.adversarial.settings import AdversarialSettings
from tasks.training.objectives.standard.settings import STANDARD
from tasks.training.settings import TrainSettings
from tasks.trial.chain import Stage
from tasks.trial.trial import find_training


def describe_settings(stages: Sequence[Stage]) -> str:
    """The settings that people vary: `lambda 0.9, pgd 8/255`, `ifgsm 16/255, 1 5 20 steps`; empty if none stands out.
    Of plain adversarial training the attack says enough; another objective is named before it.

    :param stages: of one job.
    """
    settings = stages[0].settings
    if isinstance(settings, PruneSettings):
        training = find_training(settings)
        return ", ".join([f"ratio {settings.ratio:g}", *(_describe_objective(training) if training else ())])
    if isinstance(settings, TrainSettings):
        return ", ".join(_describe_objective(settings))
    if isinstance(settings, ConditionSettings):
        return f"lambda {settings.weight:g}"
    if isinstance(settings, GeneratorSettings):
        return settings.name
    cells = [stage.settings for stage in stages if isinstance(stage.settings, AttackSettings)]
    budgets = _join(format_setting("attack_eps", cell.method.eps) for cell in cells if cell.method.eps is not None)
    budgets += f" {cells[0].eps_space}" if budgets and cells[0].eps_space != "pixel" else ""
    steps = _join(str(cell.method.reported_steps) for cell in cells)
    return f"{cells[0].method.name}{f' {budgets}' if budgets else ''}, {steps} step{'' if steps == '1' else 's'}"


def _describe_objective(settings: TrainSettings) -> list[str]:
    objective = settings.chosen_objective
    attack, share = objective.training_attack, objective.adversarial_share
    is_plain = isinstance(objective, AdversarialSettings) and not objective.has_extras
    parts = [objective.label] if attack is not None and not is_plain else []
    parts += [f"lambda {share:g}"] if share is not None else []
    if attack is not None:
        eps = "" if attack.eps is None else f" {format_setting('eps_train', attack.eps)}"
        parts.append(f"{attack.name}{eps}")
    elif objective.trained_budget is not None:
        parts.append(f"{objective.label} {format_setting('eps_train', objective.trained_budget)}")
    return parts or [objective.label] * (objective.label != STANDARD.label)


def _join(texts: Iterable[str]) -> str:
    """Each once, in the order of the job."""
    return " ".join(dict.fromkeys(texts))
