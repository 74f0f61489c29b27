"""Every attack by its name.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Annotated

from tasks.attacks.apgd.settings import ApgdCeSettings, ApgdTSettings
from tasks.attacks.autoattack.settings import AutoAttackSettings
from tasks.attacks.base import MethodSettings
from tasks.attacks.carlini_wagner.settings import CarliniWagnerSettings
from tasks.attacks.deepfool.settings import DeepFoolSettings
from tasks.attacks.ead.settings import EadSettings
from tasks.attacks.fab.settings import FabTSettings
from tasks.attacks.gradient.settings import FgsmSettings, IfgsmSettings, MifgsmSettings, PgdSettings, SparseL1Settings
from tasks.attacks.jsma.settings import JsmaSettings
from tasks.attacks.noise.settings import UniformSettings
from tasks.attacks.rays.settings import RaysSettings
from tasks.attacks.square.settings import SquareSettings
from tasks.registry import Registry
from tasks.settings import ByName, Settings

METHODS: Registry[type[Settings]] = Registry(
    "attack",
    {
        "fgsm": FgsmSettings,
        "ifgsm": IfgsmSettings,
        "mifgsm": MifgsmSettings,
        "pgd": PgdSettings,
        "sparse_l1": SparseL1Settings,
        "jsma": JsmaSettings,
        "carlini_wagner": CarliniWagnerSettings,
        "deepfool": DeepFoolSettings,
        "ead": EadSettings,
        "apgd_ce": ApgdCeSettings,
        "apgd_t": ApgdTSettings,
        "fab_t": FabTSettings,
        "square": SquareSettings,
        "autoattack": AutoAttackSettings,
        "uniform": UniformSettings,
        "rays": RaysSettings,
    },
)
"""Name in a search space -> settings. To add an attack: write its settings here and its crafting in a module."""

Method = Annotated[MethodSettings, ByName(METHODS)]


LARGE = {"linf": 0.5}
"""A budget at which any image can become any other shade of grey: no classifier can stand it."""
SINGLE = ("fgsm",)
ITERATIVE = ("ifgsm", "mifgsm", "pgd", "apgd_ce", "apgd_t", "autoattack")
GRADIENT_FREE = ("square", "rays")
NOISE = ("uniform",)
GRADIENT = (*SINGLE, *ITERATIVE)
AIMED = (*GRADIENT, "sparse_l1", "jsma", "carlini_wagner", "deepfool", "ead", "fab_t")
"""Whatever uses the model that it knows."""
