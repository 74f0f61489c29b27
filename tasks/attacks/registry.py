"""Every attack by its name.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Annotated

from tasks.attacks.bounded import (
    ApgdCeSettings,
    ApgdTSettings,
    AutoAttackSettings,
    FgsmSettings,
    IfgsmSettings,
    MifgsmSettings,
    PgdSettings,
    SparseL1Settings,
    SquareSettings,
    UniformSettings,
)
from tasks.attacks.methods import MethodSettings
from tasks.attacks.minimal import (
    CarliniWagnerSettings,
    DeepFoolSettings,
    EadSettings,
    FabTSettings,
    JsmaSettings,
    RaysSettings,
)
from tasks.settings import ByName, Settings

METHODS: dict[str, type[Settings]] = {
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
}
"""Name in a search space -> settings. To add an attack: write its settings here and its crafting in a module."""

Method = Annotated[MethodSettings, ByName("attack", METHODS)]
