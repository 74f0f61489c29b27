"""What a finished sweep's verdicts question, the trials that would settle it, and how numbers move then."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.results.budgets import select_counted
from orchestrator.results.image_reader import ImageReader, read_nothing
from orchestrator.space.space import format_resolved
from orchestrator.store.sweep_store import SweepStore
from orchestrator.store.verifications import describe_verification
from orchestrator.verify.questions import (
    Question,
    judge_again,
    list_questions,
    list_wider_attacks,
    make_space,
    settle,
)
from tasks.errors import UsageError
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tasks.trial.read import read_row
from tasks.yaml_files import parse_yaml
from tests.support.ample_sweep import list_known_ids
from tests.support.kept import expect_kept
from tests.support.report_data import WITHOUT_TUNING, made_up
from tests.support.rows import ifgsm
from tests.support.rows import row as make_row


@pytest.fixture(scope="module")
def questions(ample: SweepStore) -> list[Question]:
    return list_questions(ample, ImageReader(StageStore(ample.storage)))


def test_every_number_that_a_check_speaks_against_is_asked_about(questions: list[Question], ample: SweepStore) -> None:
    lines = []
    for question in sorted(questions, key=lambda question: str(question.row["trial_id"])):
        row = question.row
        lines.append(f"{row['attack']} {row['attack_eps']:.5f} {row['pruning_ratio']} {row['lambda']} {row['seed']}")
        lines.append(f" {row['verdict']}: {', '.join(question.checks)}; {[each['attack'] for each in question.rows]}")
        lines += [f"  {words}: {trial.attack.document()}" for words, trial in question.cells.items()]
    expect_kept("questions.txt", "\n".join(lines), list_known_ids(ample))


def test_the_lowest_number_of_a_budget_is_asked_about_once_for_each_model(questions: list[Question]) -> None:
    asked = [(one.row["trial_id"], one.rows[0]["robust_correct"]) for one in questions]
    assert len(asked) == len(set(asked))
    for one in questions:
        assert one.row["robust_correct"] == min(row["robust_correct"] for row in one.rows)
        assert {row["bound"] for row in one.rows} == {"upper"}, "a certificate is no attack that leaves little"
        assert len({(row["attack_norm"], row["attack_eps"], row["seed"]) for row in one.rows}) == 1
        assert not {cell.trial_id for cell in one.cells.values()} & {row["trial_id"] for row in one.rows}


def test_what_is_tried_sees_as_many_images_as_what_is_questioned_which_counts_beside_it(
    questions: list[Question],
) -> None:
    for one in questions:
        assert one.row in select_counted(one.rows)
        asked = read_row(one.row).attack
        for cell in one.cells.values():
            assert (cell.attack.examples, cell.attack.only_correct) == (asked.examples, asked.only_correct)


def test_a_number_is_asked_about_though_another_attack_that_is_fine_ties_with_it(tmp_path: Path) -> None:
    tied = make_row({"name": "square", "eps": "8/255"}, 300) | {"trial_id": "0" * 16}
    sweep = SweepStore(open_storage(tmp_path), "s")
    sweep.write_rows([ifgsm("8/255", 10, 400), ifgsm("8/255", 20, 300), tied])
    (question,) = list_questions(sweep, read_nothing)
    assert (question.row["attack"], question.row["attack_steps"]) == ("ifgsm", 20)
    assert question.checks == ("end of its curve",), "that of ten steps is settled by that of twenty"
    assert settle(question, [], read_nothing)["robust_before"] == 0.3


def test_a_transfer_says_which_model_its_examples_are_made_against(tmp_path: Path) -> None:
    other = {"model": {"name": "resnet18"}, "train": {"epochs": 1, "optimizer": {"name": "sgd"}}}
    attack = {"name": "ifgsm", "eps": "8/255", "surrogate": other}
    sweep = SweepStore(open_storage(tmp_path), "s")
    sweep.write_rows([make_row({**attack, "steps": steps}, robust) for steps, robust in ((5, 500), (10, 300))])
    (question,) = list_questions(sweep, read_nothing)
    assert any(cell.attack.surrogate for cell in question.cells.values())
    for words, cell in question.cells.items():
        named = "made against resnet18 seed 0"
        assert (named in words) == (cell.attack.surrogate is not None), "of the seed of the trial"


def test_the_space_holds_each_cell_once_under_a_name_of_its_own(questions: list[Question], ample: SweepStore) -> None:
    space = make_space(ample, questions)
    cells = {cell.trial_id for question in questions for cell in question.cells.values()}
    assert space.name == "verify_ample"
    assert space.content["description"] == f"settles verdicts of {ample.sweep_id}"
    assert parse_yaml(format_resolved(space), "space.yaml")["description"] == describe_verification(ample.sweep_id)
    assert sorted(trial.trial_id for trial in space.trials) == sorted(cells)
    attacks = space.content["attack"]["grid_search"]
    assert len(attacks) == len({str(attack) for attack in attacks})


def test_what_was_tried_moves_the_number(questions: list[Question], ample: SweepStore) -> None:
    question = next(one for one in questions if len(one.cells) > 1)
    words, cell = list(question.cells.items())[-1]
    assert settle(question, [], ImageReader(StageStore(ample.storage)))["robust_after"] is None
    lower = {**question.row, "trial_id": cell.trial_id, "robust_correct": 1, "robust_accuracy": 0.025}
    failed = {**lower, "trial_id": next(iter(question.cells.values())).trial_id, "status": "failed"}
    found = settle(
        question, [failed, lower, {**lower, "trial_id": "of another sweep"}], ImageReader(StageStore(ample.storage))
    )
    assert found["tried"] == {words: 0.025}
    assert found["robust_before"] == question.row["robust_accuracy"]
    assert found["robust_after"] is not None
    assert found["checks"] == ", ".join(question.checks)
    assert (found["verdict"], found["eps"]) == (question.row["verdict"], question.row["attack_eps"])


@pytest.mark.parametrize("seen_by_new", [6, 3])
def test_before_and_after_are_of_the_same_images(seen_by_new: int) -> None:
    """The long walk leaves two of its eight images, and both are among the first six, which the other saw too."""
    withstood = {"long": [0, 0, 0, 0, 1, 1, 0, 0], "short": [0, 1, 0, 0, 1, 1], "new": [0, 0, 0, 0, 0, 1][:seen_by_new]}
    rows = {
        name: make_row({"name": attack, "eps": "8/255"}, sum(left))
        | {"trial_id": name, "attack_key": name, "examples": len(left), "robust_accuracy": sum(left) / len(left)}
        for (name, left), attack in zip(withstood.items(), ["square", "pgd", "apgd_t"], strict=True)
    }
    cells: Any = {"another loss": SimpleNamespace(trial_id="new")}
    question = Question((rows["long"], rows["short"]), ("c",), cells)
    moved = settle(question, [rows["new"]], lambda row: dict(enumerate(map(bool, withstood[row["trial_id"]]))))
    stood = {6: (2 / 6, 1 / 6, 6), 3: (2 / 6, 2 / 6, 6)}[seen_by_new]
    assert (moved["robust_before"], moved["robust_after"], moved["examples"]) == stood


def test_a_longer_run_that_saw_another_image_than_the_shorter_is_compared_on_what_both_saw() -> None:
    """As where the devices of both do not agree which images are seen rightly."""
    withstood = {"short": {0: True, 1: True}, "other": {0: True, 1: True, 2: True}, "long": {1: False, 2: False}}
    attacks: dict[str, dict[str, Any]] = {
        "short": {"name": "ifgsm", "steps": 10}, "other": {"name": "square"}, "long": {"name": "ifgsm", "steps": 20}
    }  # fmt: skip
    rows = {
        name: make_row({"eps": "8/255", **attacks[name]}, sum(left.values()))
        | {"trial_id": name, "examples": len(left)}
        for name, left in withstood.items()
    }
    cells: Any = {"take more steps": SimpleNamespace(trial_id="long")}
    question = Question((rows["short"], rows["other"]), ("c",), cells)
    moved = settle(question, [rows["long"]], lambda row: withstood[row["trial_id"]])
    assert (moved["robust_before"], moved["robust_after"], moved["examples"]) == (1, 0, 2)


def test_of_nothing_finished_nothing_is_asked_and_of_nothing_asked_nothing_is_made(
    tmp_path: Path, ample: SweepStore
) -> None:
    sweep = made_up(tmp_path, WITHOUT_TUNING, images=False, finished=lambda _: False, failed=lambda n: n < 3)
    with pytest.raises(UsageError, match=r"no trial of it is finished, so that there is nothing to verify$"):
        list_questions(sweep, read_nothing)
    with pytest.raises(UsageError, match=rf"^{ample.sweep_id}: no attack would settle what the verdicts say$"):
        make_space(ample, [])


def test_an_attack_on_few_images_is_run_on_as_many_as_the_others() -> None:
    rows = [
        make_row({"name": "pgd", "eps": "8/255", "examples": seen}, 0, examples=seen, clean_correct=seen)
        for seen in (40, 20, 19)
    ]
    (found,) = list_wider_attacks(rows[0], rows).items()
    assert found[0] == "attack as many images: pgd"
    assert (found[1]["name"], found[1]["examples"]) == ("pgd", 40)


def test_the_checks_speak_again_of_all_that_is_finished_and_of_each_trial_once(tmp_path: Path) -> None:
    sweep = SweepStore(open_storage(tmp_path), "s")
    short, long, failed = (ifgsm("8/255", steps, 300) for steps in (10, 20, 40))
    sweep.write_rows([short])
    judged = judge_again(sweep, [short, long, failed | {"status": "failed"}], read_nothing)
    assert [row["trial_id"] for row in judged] == [short["trial_id"], long["trial_id"]]
    before, after = (
        json.loads(rows[0]["verdicts"])["end of its curve"] for rows in (judge_again(sweep, [], read_nothing), judged)
    )
    assert (before, after) == ("not tested", "ok"), "twice the steps left the same"
