"""Every objective by its name. To add one: make a folder here with `settings.py` and `objective.py`, and name it below.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Annotated

from tasks.part_names import ByName
from tasks.registry import Registry
from tasks.training.objectives.base import ObjectiveSettings

OBJECTIVES: Registry[type[ObjectiveSettings]] = Registry(
    "objective",
    {
        "standard": "tasks.training.objectives.standard.settings:StandardSettings",
        "adversarial": "tasks.training.objectives.adversarial.settings:AdversarialSettings",
        "ensemble": "tasks.training.objectives.ensemble.settings:EnsembleSettings",
        "free": "tasks.training.objectives.free.settings:FreeSettings",
        "distillation": "tasks.training.objectives.distillation.settings:DistillationSettings",
        "oat": "tasks.training.objectives.oat.settings:OatSettings",
        "trades": "tasks.training.objectives.trades.settings:TradesSettings",
        "mart": "tasks.training.objectives.mart.settings:MartSettings",
        "fgsm_rs": "tasks.training.objectives.fgsm_rs.settings:FgsmRsSettings",
        "n_fgsm": "tasks.training.objectives.n_fgsm.settings:NFgsmSettings",
        "input_gradient": "tasks.training.objectives.input_gradient.settings:InputGradientSettings",
        "jacobian": "tasks.training.objectives.jacobian.settings:JacobianSettings",
        "crown_ibp": "tasks.training.objectives.crown_ibp.settings:CrownIbpTrainingSettings",
        "ibp": "tasks.training.objectives.ibp.settings:IbpSettings",
        "noise": "tasks.training.objectives.noise.settings:NoiseTrainingSettings",
        "smooth_adv": "tasks.training.objectives.smooth_adv.settings:SmoothAdvSettings",
        "logit_pairing": "tasks.training.objectives.logit_pairing.settings:LogitPairingSettings",
    },
)
"""Name in a search space -> settings."""

NamedObjective = Annotated[ObjectiveSettings, ByName(OBJECTIVES)]
