"""The kinds of stages, in the order in which a trial walks them."""

from __future__ import annotations

from typing import Literal

Kind = Literal["train", "prune", "finetune", "adversarial_finetune", "condition", "generator", "attack"]

TRAINING_KINDS: tuple[Kind, ...] = ("train", "finetune", "adversarial_finetune")
"""They run epochs."""
MODEL_KINDS: tuple[Kind, ...] = ("train", "prune", "finetune", "adversarial_finetune", "condition")
"""They make a model."""
KINDS: tuple[Kind, ...] = (*MODEL_KINDS, "generator", "attack")
"""`generator`: what an attack makes examples with, where it needs one."""
SECTION_KINDS: tuple[Kind, ...] = (*MODEL_KINDS, "attack")
"""They have a section of their own in a search space."""

MODEL_KEYS = tuple(f"{kind}_key" for kind in reversed(MODEL_KINDS))
"""Columns of the trials table: the stage that made the attacked model is the first of these that is not null."""
