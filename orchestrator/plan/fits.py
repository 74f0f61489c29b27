"""Whether the models of a plan can do what is asked of them: told before anything runs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from orchestrator.plan.plan import Plan
from tasks.errors import ProblemsError
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
    if not found:
        return
    own = {stage.key for planned in plan.trials for stage in list_own_stages(planned.chain)}
    problems = [
        problem if stage.key in own else replace(problem, path=f"surrogate {stage.model.name}: {problem.path}")
        for stage, problem in found
    ]
    raise ProblemsError(plan.space.name, problems)
