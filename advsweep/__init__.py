"""advsweep from Python. A name is loaded when it is used, so that `import advsweep` is quick.

    plan = advsweep.make_plan(advsweep.load_space("digits", ["seed=0"]))
    advsweep.launch(advsweep.LaunchOptions("digits", ["seed=0"], storage="results"))

What a user can mend is a `UsageError`; nothing here ends the process.
"""

from __future__ import annotations

import os
import sys

_HERE = os.getcwd()  # noqa: PTH109 - `pathlib` would be looked for in that folder
if sys.argv[:1] == ["-m"] and sys.path[:1] == [_HERE] and os.path.dirname(os.path.dirname(__file__)) != _HERE:  # noqa: PTH120
    # `python -m advsweep` would import a `tasks.py` or a `random.py` of the working directory before all others
    del sys.path[0]

from importlib import import_module  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

from tasks import __version__  # noqa: E402

if TYPE_CHECKING:
    from advsweep.parts import attack, dataset, importance, model, objective
    from orchestrator.launch import launch
    from orchestrator.options import LaunchOptions
    from orchestrator.plan.plan import Plan, make_plan
    from orchestrator.space.space import Space
    from orchestrator.space.space import load as load_space
    from tasks.attacks.base import MethodSettings
    from tasks.errors import UsageError
    from tasks.plugins.load import load_plugins
    from tasks.settings import Count, Number, Settings, keyed, unkeyed
    from tasks.training.objectives.base import ObjectiveSettings

__all__ = [
    "Count",
    "LaunchOptions",
    "MethodSettings",
    "Number",
    "ObjectiveSettings",
    "Plan",
    "Settings",
    "Space",
    "UsageError",
    "__version__",
    "attack",
    "dataset",
    "importance",
    "keyed",
    "launch",
    "load_plugins",
    "load_space",
    "make_plan",
    "model",
    "objective",
    "unkeyed",
]

_HOMES = {
    "Count": "tasks.settings",
    "LaunchOptions": "orchestrator.options",
    "MethodSettings": "tasks.attacks.base",
    "Number": "tasks.settings",
    "ObjectiveSettings": "tasks.training.objectives.base",
    "Plan": "orchestrator.plan.plan",
    "Settings": "tasks.settings",
    "Space": "orchestrator.space.space",
    "UsageError": "tasks.errors",
    "attack": "advsweep.parts",
    "dataset": "advsweep.parts",
    "importance": "advsweep.parts",
    "keyed": "tasks.settings",
    "launch": "orchestrator.launch",
    "load_plugins": "tasks.plugins.load",
    "load_space": "orchestrator.space.space:load",
    "make_plan": "orchestrator.plan.plan",
    "model": "advsweep.parts",
    "objective": "advsweep.parts",
    "unkeyed": "tasks.settings",
}
"""Name -> the module that it comes from, and its name there where that is another."""


if not TYPE_CHECKING:  # a checker would take every name for one that is there

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, _, original = _HOMES[name].partition(":")
        value = globals()[name] = getattr(import_module(module), original or name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
