"""The cells that `--verify` adds make every check possible."""

from __future__ import annotations

import pytest

from orchestrator.space import space as spaces
from tasks.attacks.registry import list_attacks
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


ITERATIVE = [
    (name, norm) for name, cls in list_attacks().items() if cls.is_iterative_white_box() for norm in cls.norms()
]


@pytest.mark.parametrize(("name", "norm"), ITERATIVE)
def test_what_is_added_fits_the_attack_that_it_stands_beside(name: str, norm: str) -> None:
    one_model = ["prune=null", "adversarial_finetune=null", f"attack={{name: {name}, norm: {norm}, eps: 0.1}}"]
    space = spaces.load("smoke", one_model, verify=True)
    methods = [trial.attack.method for trial in space.trials]
    probes = {each for each, cls in list_attacks().items() if cls.probe is not None and norm in cls.norms()}
    assert {method.name for method in methods} == {name} | probes
    assert {method.norm for method in methods} == {norm}
    steps = {method.reported_steps for method in methods if method.name == name}
    assert steps == {min(steps), 2 * min(steps)} or "steps" not in methods[0].document()
    assert (max(method.eps or 0 for method in methods) == 0.5) is (norm == "linf")
    assert sum(trial.attack.surrogate is not None for trial in space.trials) == 1


def test_a_targeted_attack_is_nothing_to_stand_beside() -> None:
    attacks = "[{name: pgd, eps: 0.2, targeted: true}, {name: ifgsm, eps: 0.1}]"
    space = spaces.load("smoke", ["prune=null", f"attack={{grid_search: {attacks}}}"], verify=True)
    transfers = [trial.attack.method for trial in space.trials if trial.attack.surrogate]
    assert {(method.name, method.eps) for method in transfers} == {("ifgsm", 0.1)}


@pytest.mark.parametrize(("space", "largest"), [("pixel", 0.5), ("normalized", 0.2)])
def test_a_budget_that_erases_is_added_in_the_unit_in_which_it_does(space: str, largest: float) -> None:
    attack = f"attack={{name: ifgsm, eps: 0.2, eps_space: {space}}}"
    found = spaces.load("smoke", ["prune=null", attack], verify=True)
    assert max(trial.attack.method.eps or 0 for trial in found.trials) == largest


def test_what_is_added_stands_beside_the_hardest_attack_on_its_images() -> None:
    attacks = "[{name: ifgsm, eps: 0.1, steps: 3}, {name: ifgsm, eps: 0.2, steps: 5, examples: 40}]"
    space = spaces.load("smoke", ["prune=null", f"attack={{grid_search: {attacks}}}"], verify=True)
    found = {trial.attack.method.name: trial.attack for trial in space.trials}
    for probe in ("uniform", "square"):
        assert (found[probe].method.eps, found[probe].examples) == (0.2, 40)
    (transfer,) = {trial.attack for trial in space.trials if trial.attack.surrogate}
    assert (transfer.method.eps, transfer.method.reported_steps, transfer.examples) == (0.2, 5, 40)
    assert transfer.surrogate is not None
    assert transfer.surrogate.seed not in {None, *(trial.seed for trial in space.trials)}
    assert (
        max(trial.attack.method.reported_steps for trial in space.trials if trial.attack.method.name == "ifgsm") == 10
    )


def test_a_surrogate_is_added_where_the_space_has_one_model_and_a_training() -> None:
    alone = ["prune=null", "adversarial_finetune=null"]
    cases = [[], ["model.name={grid_search: [resnet8, alexnet]}"], ["train.epochs={grid_search: [1, 2]}"]]
    spaces_made = [spaces.load("smoke", [*alone, *case], verify=True) for case in cases]
    assert [any(trial.attack.surrogate for trial in made.trials) for made in spaces_made] == [True, False, False]
