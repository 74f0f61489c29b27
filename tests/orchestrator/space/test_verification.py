"""The cells that `--verify` adds to a space."""

from __future__ import annotations

import pytest

from orchestrator.space import space as spaces
from tasks.errors import UsageError


def test_verify_adds_the_cells_that_make_every_check_possible() -> None:
    plain = spaces.load("smoke", ["prune=null"])
    more = spaces.load("smoke", ["prune=null"], verify=True)
    added = {trial.attack.method.name for trial in more.trials} - {trial.attack.method.name for trial in plain.trials}
    assert added == {"uniform", "square"}
    assert any(trial.attack.surrogate for trial in more.trials)
    assert any((trial.attack.method.eps or 0) >= 0.5 for trial in more.trials)
    assert {trial.trial_id for trial in plain.trials} < {trial.trial_id for trial in more.trials}
    with pytest.raises(UsageError, match="needs an iterative attack"):
        spaces.load("smoke", ["attack={name: fgsm, eps: 8/255}"], verify=True)
