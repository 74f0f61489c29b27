"""Every attack by its name.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from tasks.attacks.advgan.settings import AdvGanSettings
from tasks.attacks.apgd.settings import ApgdCeSettings, ApgdTSettings
from tasks.attacks.autoattack.settings import AutoAttackSettings
from tasks.attacks.base import MethodSettings, check_budget
from tasks.attacks.carlini_wagner.settings import CarliniWagnerSettings
from tasks.attacks.ddn.settings import DdnSettings
from tasks.attacks.deepfool.settings import DeepFoolSettings
from tasks.attacks.diff_pgd.settings import DiffPgdSettings, UnrestrictedDiffPgdSettings
from tasks.attacks.ead.settings import EadSettings
from tasks.attacks.fab.settings import FabSettings, FabTSettings
from tasks.attacks.fmn.settings import FmnSettings
from tasks.attacks.gradient.settings import FgsmSettings, IfgsmSettings, MifgsmSettings, PgdSettings, SparseL1Settings
from tasks.attacks.jsma.settings import JsmaSettings
from tasks.attacks.noise.settings import UniformSettings
from tasks.attacks.pdpgd.settings import PdpgdSettings
from tasks.attacks.rays.settings import RaysSettings
from tasks.attacks.sigma_zero.settings import SigmaZeroSettings
from tasks.attacks.square.settings import SquareSettings
from tasks.part_names import ByName, OneOrMore
from tasks.registry import Registry

ATTACKS: Registry[type[MethodSettings]] = Registry(
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
        "ddn": DdnSettings,
        "fmn": FmnSettings,
        "pdpgd": PdpgdSettings,
        "sigma_zero": SigmaZeroSettings,
        "apgd_ce": ApgdCeSettings,
        "apgd_t": ApgdTSettings,
        "fab": FabSettings,
        "fab_t": FabTSettings,
        "square": SquareSettings,
        "autoattack": AutoAttackSettings,
        "advgan": AdvGanSettings,
        "diff_pgd": DiffPgdSettings,
        "diff_pgd_unrestricted": UnrestrictedDiffPgdSettings,
        "uniform": UniformSettings,
        "rays": RaysSettings,
    },
)
"""Name in a search space -> settings. To add an attack: a folder with `settings.py` and `craft.py`, and a line here."""

AnyMethod = Annotated[MethodSettings, ByName(ATTACKS)]
Methods = Annotated[MethodSettings | tuple[MethodSettings, ...], OneOrMore(ATTACKS)]
"""An attack, or a list of attacks."""
"""An attack whose budget is in a unit that is not known here."""


def _check_for_training(method: MethodSettings) -> MethodSettings:
    check_budget(method)
    if method.generator_output is not None:
        text = "{name} needs a generator, which an evaluation has alone: train on examples of another attack"
        raise PydanticCustomError("generator", text, {"name": method.name})
    return method


Method = Annotated[MethodSettings, ByName(ATTACKS), AfterValidator(_check_for_training)]
"""An attack whose budget is in pixels of [0, 1], which makes examples by itself."""


def find_attack(name: object) -> type[MethodSettings] | None:
    """The settings class of an attack; null where no attack of that name is registered (any more)."""
    return ATTACKS.load(name) if isinstance(name, str) and name in ATTACKS else None


def list_attacks() -> dict[str, type[MethodSettings]]:
    """Every attack by its name, in the order of the registry."""
    return {name: ATTACKS.load(name) for name in ATTACKS}
