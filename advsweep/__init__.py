"""advsweep from Python. A name is loaded when it is used, so that `import advsweep` is quick.

    plan = advsweep.plan("digits", overrides=["seed=0"])       # len(plan), plan.trials, plan.stages; nothing runs
    sweep = advsweep.launch("digits", overrides=["seed=0"])    # progress, and a Sweep
    sweep = advsweep.open("digits")                            # the same later, or while it runs
    sweep.trials()                                             # a data frame

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
    from advsweep.actions import TrialsFailedError, launch, plan
    from advsweep.actions import open_sweep as open  # noqa: A004
    from advsweep.parts import attack, certificate, dataset, generator, importance, model, objective, transformation
    from advsweep.sweep import Sweep
    from orchestrator.plan.plan import Plan
    from tasks.attacks.base import MethodSettings
    from tasks.certificates.base import CertificateSettings
    from tasks.errors import CorruptArtifactError, StageError, StorageError, UsageError
    from tasks.generators.base import GeneratorSettings
    from tasks.generators.job import Generator
    from tasks.plugins.load import load_plugins
    from tasks.settings import Count, Number, Settings, keyed, unkeyed
    from tasks.training.objectives.base import ObjectiveSettings
    from tasks.transformations.base import TransformationSettings

__all__ = [
    "CertificateSettings",
    "CorruptArtifactError",
    "Count",
    "Generator",
    "GeneratorSettings",
    "MethodSettings",
    "Number",
    "ObjectiveSettings",
    "Plan",
    "Settings",
    "StageError",
    "StorageError",
    "Sweep",
    "TransformationSettings",
    "TrialsFailedError",
    "UsageError",
    "__version__",
    "attack",
    "certificate",
    "dataset",
    "generator",
    "importance",
    "keyed",
    "launch",
    "load_plugins",
    "model",
    "objective",
    "open",
    "plan",
    "transformation",
    "unkeyed",
]

_HOMES = {
    "CertificateSettings": "tasks.certificates.base",
    "CorruptArtifactError": "tasks.errors",
    "Count": "tasks.settings",
    "Generator": "tasks.generators.job",
    "GeneratorSettings": "tasks.generators.base",
    "MethodSettings": "tasks.attacks.base",
    "Number": "tasks.settings",
    "ObjectiveSettings": "tasks.training.objectives.base",
    "Plan": "orchestrator.plan.plan",
    "Settings": "tasks.settings",
    "StageError": "tasks.errors",
    "StorageError": "tasks.errors",
    "Sweep": "advsweep.sweep",
    "TransformationSettings": "tasks.transformations.base",
    "TrialsFailedError": "advsweep.actions",
    "UsageError": "tasks.errors",
    "attack": "advsweep.parts",
    "certificate": "advsweep.parts",
    "dataset": "advsweep.parts",
    "generator": "advsweep.parts",
    "importance": "advsweep.parts",
    "keyed": "tasks.settings",
    "launch": "advsweep.actions",
    "load_plugins": "tasks.plugins.load",
    "model": "advsweep.parts",
    "objective": "advsweep.parts",
    "open": "advsweep.actions:open_sweep",
    "plan": "advsweep.actions",
    "transformation": "advsweep.parts",
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
