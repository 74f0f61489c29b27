"""The cells that `--verify` adds to a space, so that more checks of its numbers are possible.

They stand beside the hardest white-box attack of the space: the same with twice the steps, with a budget at which any
image can be erased, one step alone, uniform noise, Square, and a transfer from the same model with another seed.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from orchestrator.space.grid import GRID, expand_variants
from tasks.attacks.registry import ITERATIVE, LARGE
from tasks.errors import UsageError
from tasks.evaluation.settings import AttackSettings

QUERIES = 500
"""Of Square, which looks at one image again and again: enough to notice masked gradients, not to measure robustness."""
OTHER_SEED = 1_000_003
"""Of the surrogate: no replicate has it."""


def with_verification(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a space with more attack cells.

    :raises UsageError: the space has no iterative white-box attack to stand beside.
    """
    base = _find_hardest(content)
    return {**content, "attack": {GRID: [content["attack"], *_list_cells(base, content)]}}


def _find_hardest(content: dict[str, Any]) -> AttackSettings:
    found = []
    for raw in expand_variants(content.get("attack")):
        try:
            settings = AttackSettings.model_validate(raw)
        except ValidationError:
            continue  # the space is validated whole afterwards, with every mistake named
        if settings.method.name in ITERATIVE and settings.method.eps and settings.surrogate is None:
            found.append(settings)
    if not found:
        raise UsageError(f"--verify needs an iterative attack in the space: one of {', '.join(ITERATIVE)}")
    return max(found, key=lambda settings: (settings.method.eps or 0.0, settings.method.label_steps))


def _list_cells(base: AttackSettings, content: dict[str, Any]) -> list[dict[str, Any]]:
    document = base.document()
    plain: dict[str, Any] = {"norm": base.method.norm, "eps": base.method.eps, "examples": base.examples}
    plain |= {"only_correct": base.only_correct, "eps_space": base.eps_space}
    cells: list[dict[str, Any]] = [
        {**plain, "name": "fgsm"},
        {**plain, "name": "uniform", "draws": 10},
        {**plain, "name": "square", "steps": QUERIES},
    ]
    if "steps" in document:
        cells.append({**document, "steps": 2 * document["steps"]})
    if base.method.norm in LARGE and base.eps_space == "pixel":
        longer = {"steps": 2 * document["steps"]} if "steps" in document else {}
        cells.append({**document, **longer, "eps": LARGE[base.method.norm], "step_size": None})
    surrogate = _make_surrogate(content)
    if surrogate is not None:
        cells.append({**document, "surrogate": surrogate})
    return cells


def _make_surrogate(content: dict[str, Any]) -> dict[str, Any] | None:
    """The space's own model, trained with another seed; null where the space has several."""
    models, trainings = expand_variants(content.get("model")), expand_variants(content.get("train"))
    if len(models) != 1 or len(trainings) != 1 or not trainings[0]:
        return None
    return {"seed": OTHER_SEED, "model": models[0], "train": trainings[0]}
