"""What stands below the table of results: the best setting by its rule, and what makes equal settings differ."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.results.headline import RULE
from orchestrator.results.presentation import Selection, load_paper, render_results, render_rows
from orchestrator.results.verdicts import annotate_rows
from tasks.errors import UsageError
from tests.support.certified_rows import attack, certificate
from tests.support.command_line import run_lean
from tests.support.mixed_images import ROWS, WORDS, read_images
from tests.support.report_data import WITHOUT_TUNING, made_up
from tests.support.rows import ifgsm, row


def of_ratio(ratio: float, clean: int, robust: int, **columns: Any) -> dict[str, Any]:
    found = ifgsm("8/255", 10, robust)
    config = json.loads(found["config"]) | {"prune": {"ratio": ratio}}
    rates = {"clean_correct": clean, "clean_accuracy": clean / 1000}
    key = "prune_key", f"{ratio}"
    return found | rates | {"pruning_ratio": ratio, "config": json.dumps(config), key[0]: key[1], **columns}


def below(*rows: dict[str, Any]) -> str:
    return render_rows(rows, rows, "table", Selection())


def test_the_best_setting_is_named_with_its_rule() -> None:
    text = below(of_ratio(0.2, 900, 300, verdict="ok"), of_ratio(0.4, 700, 600, verdict="ok"))
    assert "best: clean 70.00 %, robust 60.00 % (pruned 0.4" in text
    assert RULE in text
    assert "best:" not in below(of_ratio(0.2, 900, 300)), "one alone is not the best of any"


def test_what_speaks_against_the_best_stands_below_it() -> None:
    doubted = of_ratio(0.4, 700, 600, verdict="suspicious", verdict_reason="no gradient")
    text = below(of_ratio(0.2, 900, 300, verdict="ok"), doubted)
    assert "robust 60.00 % [suspicious] (pruned 0.4" in text
    assert "\n  suspicious: no gradient\n" in text


def test_images_are_named_where_attacks_of_one_budget_saw_others() -> None:
    """In the heading of the column that is of fewer, and beside the worst case over all."""
    config = {each["trial_id"]: json.dumps(json.loads(each["config"]) | {"prune": {"ratio": 0.9}}) for each in ROWS}
    weaker = [
        {**each, "trial_id": f"{each['trial_id']}-2", "prune_key": "p", "adversarial_finetune_key": "q"}
        | {"pruning_ratio": 0.9, "config": config[each["trial_id"]], "clean_correct": 0, "clean_accuracy": 0.0}
        for each in ROWS
    ]
    judged = annotate_rows([*ROWS, *weaker], read_images)
    text = render_rows(judged, judged, "table", Selection(), read_images)
    heading = text.splitlines()[2]
    assert [part.strip() for part in heading.split("  ") if "8/255" in part] == [
        "fgsm 8/255", "ifgsm 8/255", "pgd 8/255 on 1", "square 8/255 on 4"
    ]  # fmt: skip
    (best,) = (line for line in text.splitlines() if line.startswith("best: "))
    assert best.startswith("best: clean 75.00 %, robust 25.00 %")
    assert best.endswith(f"(pruned 0.5, all 3 attacks of linf eps 8/255, {WORDS})")
    chosen = render_rows(
        judged, [each for each in judged if each["attack"] == "fgsm"], "table", Selection(), read_images
    )
    assert (
        "\nbest: clean 87.50 %, robust 87.50 % [upper bound] (pruned 0.5, fgsm, 1 step of linf eps 8/255)\n" in chosen
    )


def test_a_column_of_images_that_are_seen_rightly_says_so_beside_one_of_all() -> None:
    plain = ifgsm("8/255", 10, 300)
    rightly = row({"name": "pgd", "eps": "8/255", "only_correct": True}, 300, clean_correct=1000)
    assert "pgd 8/255 on 1000 that are seen rightly" in below(plain, rightly)
    assert "seen rightly" not in below(rightly), "clean accuracy is of the same"


@pytest.mark.parametrize("selection", [Selection(), Selection(long=True)], ids=["pivot", "long"])
def test_trials_that_failed_are_counted_below_the_table(selection: Selection) -> None:
    rows = [of_ratio(0.2, 900, 300), of_ratio(0.4, 700, 600), {**of_ratio(0.6, 1, 1), "status": "failed"}]
    said = "1 of 3 trials that ended failed and stand in no line; `advsweep status` says why"
    assert said in render_rows(rows, rows, "table", selection).splitlines()
    assert said in render_rows(rows, rows[:1], "table", selection), "those that are not selected too"
    assert "failed" not in render_rows(rows[:2], rows[:2], "table", selection)
    assert said in render_rows([*rows[2:], *rows[2:], *rows[2:]], [], "table", selection).replace("3 of 3", "1 of 3")
    assert "failed and" not in render_rows(rows, rows, "csv", selection)


def test_what_clean_means_beside_a_certified_vote_is_said() -> None:
    vote: dict[str, Any] = {"transformations": "noise(sigma 0.25) by vote x25"}
    said = "clean: the vote of the judge; certified: an image on which the certificate abstains counts as wrong"
    assert said in below(certificate(**vote), attack(**vote))
    assert said not in below(certificate(**vote), attack()), "the attack is on the bare model"
    assert said not in below(certificate(), attack()), "nothing stands before the model"


def test_a_verification_of_the_sweep_is_named_with_the_command_that_shows_it(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, {**WITHOUT_TUNING, "prune": None, "seed": 0}, images=False)
    before = render_results(sweep, "table")
    space = f"description: settles verdicts of {sweep.sweep_id}\n"
    sweep.storage.write("sweeps/verify_made-1/space.yaml", space.encode())
    command = f"advsweep verify {sweep.sweep_id} --storage {sweep.storage.uri}"
    said = f"verify_made-1 tried what would settle its verdicts: `{command}` says how numbers move"
    assert render_results(sweep, "table") == f"{before}\n{said}"
    assert "verify_made" not in render_results(sweep, "csv")


def test_mixed_threads_are_said() -> None:
    one, two = of_ratio(0.2, 900, 300, threads=1, device="cpu"), of_ratio(0.4, 700, 600, threads=4, device="cpu")
    assert "models were trained with 1 and 4 threads" in below(one, two)
    assert "threads" not in below(one, {**two, "threads": 1})
    assert "threads" not in below(one, {**two, "device": "cuda:0"}), "of a GPU threads do not matter"


def test_one_question_is_answered_at_a_time(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, {**WITHOUT_TUNING, "prune": None, "seed": 0}, images=False)
    asked: dict[str, Any] = {"sql": "", "reference": True, "worst_case": True, "optimality": True}
    for pair in itertools.combinations(asked.items(), 2):
        with pytest.raises(UsageError, match=r"are four questions: ask one at a time$"):
            render_results(sweep, "table", **dict(pair))
    for name, value in asked.items():
        with pytest.raises(UsageError, match=r"^--where, --sort, --top and --long are about the table of trials"):
            render_results(sweep, "table", selection=Selection(top=3), **{name: value})
        if name != "optimality":
            with pytest.raises(UsageError, match=r"but for --where with --optimality$"):
                render_results(sweep, "table", selection=Selection(("seed=0",)), **{name: value})
    assert render_results(sweep, "csv", optimality=True, selection=Selection(("seed=0",))).startswith("dataset,")


@pytest.mark.slow
def test_the_table_does_without_the_libraries_that_only_some_questions_need(tmp_path: Path) -> None:
    made_up(tmp_path, {**WITHOUT_TUNING, "prune": None, "seed": 0})
    assert "robust" in run_lean("results", "made", "--storage", tmp_path)


def test_a_space_without_numbers_of_a_paper_has_no_reference(tmp_path: Path) -> None:
    content = {**WITHOUT_TUNING, "prune": None, "seed": 0}
    without = made_up(tmp_path, content, "without", images=False)
    with pytest.raises(UsageError, match=rf"^the space of {without.sweep_id} has no reference: no numbers of a paper"):
        load_paper(without)
    reported = {"match": {"attack_steps": 10}, "robust_accuracy": 0.5, "source": "Table 1"}
    assert load_paper(made_up(tmp_path, {**content, "reference": [reported]}, "with", images=False))
