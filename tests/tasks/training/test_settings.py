"""Settings of training: what does not fit together is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.small import trial
from tests.support.training import (
    FGSM,
    TRAIN,
)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"keep": "best_loss"}, r"train\.keep: best_loss needs dataset\.split\.validation"),
        ({"validation_attack": FGSM}, r"train\.validation_attack needs dataset\.split\.validation"),
        ({"keep": "best_robust_accuracy"}, r"train\.keep: best_robust_accuracy needs validation_attack"),
    ],
)
def test_a_choice_without_a_validation_part_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        trial(train={**TRAIN, **fields})
