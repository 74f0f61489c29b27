"""The cells that `--verify` adds to a space, so that more checks of its numbers are possible.

They stand beside the hardest white-box attack of the space: the same with twice the steps, with a budget at which any
image can be erased, a transfer from the same model with another seed, and every attack that is registered with a
`probe`: one step alone, noise, and one without gradients.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from orchestrator.space.grid import GRID, expand_variants
from tasks.attacks.base import ERASING_EPS, TargetedSettings
from tasks.attacks.registry import list_attacks
from tasks.errors import UsageError
from tasks.evaluation.settings import AttackSettings

OTHER_SEED = 1_000_003
"""Of the surrogate: no replicate has it."""


def with_verification(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a space with more attack cells.

    :raises UsageError: the space has no iterative white-box attack to stand beside.
    """
    base = _find_hardest(content)
    cells = [*_list_probes(base), *_list_variants(base)]
    surrogate = _make_surrogate(content)
    if surrogate is not None:
        cells.append({**base.document(), "surrogate": surrogate})
    return {**content, "attack": {GRID: [content["attack"], *cells]}}


def _find_hardest(content: dict[str, Any]) -> AttackSettings:
    found = []
    for raw in expand_variants(content.get("attack")):
        try:
            settings = AttackSettings.model_validate(raw)
        except ValidationError:
            continue  # the space is validated whole afterwards, with every mistake named
        if _is_comparable(settings):
            found.append(settings)
    if not found:
        names = [name for name, attack in list_attacks().items() if attack.is_iterative_white_box()]
        raise UsageError(f"--verify needs an iterative attack without a target in the space: one of {', '.join(names)}")
    return max(found, key=lambda settings: (settings.method.eps or 0.0, settings.method.reported_steps))


def _is_comparable(settings: AttackSettings) -> bool:
    """Whether weaker attacks can be held against this one."""
    method = settings.method
    targeted = isinstance(method, TargetedSettings) and method.targeted
    return method.is_iterative_white_box() and bool(method.eps) and settings.surrogate is None and not targeted


def _list_probes(base: AttackSettings) -> list[dict[str, Any]]:
    """Weaker attacks of the same norm and budget, on the same images."""
    shared: dict[str, Any] = {"norm": base.method.norm, "eps": base.method.eps, "examples": base.examples}
    shared |= {"only_correct": base.only_correct, "eps_space": base.eps_space}
    return [
        {**shared, "name": name, **attack.probe}
        for name, attack in list_attacks().items()
        if attack.probe is not None and base.method.norm in attack.norms()
    ]


def _list_variants(base: AttackSettings) -> list[dict[str, Any]]:
    """The same attack with twice the steps, and with a budget that erases the image."""
    document, cells = base.document(), []
    longer = {"steps": 2 * document["steps"]} if "steps" in document else {}
    if longer:
        cells.append({**document, **longer})
    if base.method.norm in ERASING_EPS and base.eps_space == "pixel":
        own_step = {"step_size": None} if "step_size" in document else {}
        cells.append({**document, **longer, **own_step, "eps": ERASING_EPS[base.method.norm]})
    return cells


def _make_surrogate(content: dict[str, Any]) -> dict[str, Any] | None:
    """The space's own model, trained with another seed; null where the space has several."""
    models, trainings = expand_variants(content.get("model")), expand_variants(content.get("train"))
    if len(models) != 1 or len(trainings) != 1 or not trainings[0]:
        return None
    return {"seed": OTHER_SEED, "model": models[0], "train": trainings[0]}
