"""Whether the models of a plan can do what is asked of them: told before anything runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import replace

from orchestrator.plan.plan import Plan
from tasks.errors import Problem
from tasks.evaluation.settings import AttackSettings, DefendedAttackSettings
from tasks.trial.chain import list_own_stages


def check_fits(plan: Plan, done: Collection[str] = ()) -> None:
    """Ask the model of every stage that has to run whether it fits its settings and its images.

    :param done: keys of stages that are stored.
    :raises UsageError: with every misfit: the setting, its value, and what would fit.
    """
    stages = plan.needed(done)
    if not stages:
        return
    from tasks.stages.rehearsal import find_misfits  # torch, which a plan alone can do without

    found = list(find_misfits(stages, plan.data))
    surrogates = [*_find_own_surrogates(plan), *_find_untrained(plan)]
    if not found and not surrogates:
        return
    own = {stage.key for planned in plan.trials for stage in list_own_stages(planned.chain)}
    problems = [
        problem if stage.key in own else replace(problem, path=f"surrogate {stage.model.name}: {problem.path}")
        for stage, problem in found
    ]
    raise plan.space.refuse(problems + surrogates)


def _find_own_surrogates(plan: Plan) -> Iterator[Problem]:
    """Transfer attacks whose surrogate is the attacked model itself in every trial that has them: they see into it. In
    a grid of defences it may be that of the bare model, which is one of the trials."""
    transfers: dict[str, list[bool]] = defaultdict(list)
    names: dict[str, str] = {}
    for attack in (planned.chain[-1] for planned in plan.trials):
        settings = attack.settings
        if isinstance(settings, AttackSettings) and settings.surrogate:
            is_own = attack.upstream["surrogate_0"] == attack.upstream["model"]
            transfers[settings.surrogate.canonical_text].append(
                is_own and not isinstance(settings, DefendedAttackSettings)
            )
            names[settings.surrogate.canonical_text] = settings.surrogate.model.name
    for text, own in transfers.items():
        if all(own):
            said = "is the attacked model itself: a transfer needs another seed, architecture or training"
            yield Problem("attack.surrogate.model.name", names[text], said)


def _find_untrained(plan: Plan) -> Iterator[Problem]:
    """Other models of attacks that have learnt nothing: what fools random weights fools nobody else."""
    for attack in dict.fromkeys(trial.attack for trial in plan.space.trials):
        for role, other in (("surrogate", attack.surrogate), ("witness", attack.witness)):
            if other is not None and not other.is_trained:
                text = f"the {role} has learnt nothing: give attack.{role}.train, or attack.{role}.model.weights"
                yield Problem(f"attack.{role}.model.name", other.model.name, text)
