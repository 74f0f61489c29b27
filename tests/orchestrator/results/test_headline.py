"""One rule for the headline: the budget by spread, then the worst case over all attacks of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.report.analysis.studies import group_studies
from orchestrator.results.checks.verdict import UPPER_BOUND
from orchestrator.results.headline import (
    choose_budget,
    describe_best,
    describe_doubt,
    find_best,
    find_reason,
    state_best,
)
from orchestrator.results.verdicts import annotate_rows, narrow_worst_cases
from orchestrator.results.worst_case import list_worst_cases
from tests.support.mixed_images import ROWS, WORDS, A, B, C, read_images
from tests.support.rows import ifgsm, row


def of_model(ratio: float, found: dict[str, Any]) -> dict[str, Any]:
    """The row of another model."""
    config = json.loads(found["config"]) | {"prune": {"ratio": ratio}}
    own = {"trial_id": f"{found['trial_id']}-{ratio}", "prune_key": f"{ratio}"}
    return {**found, "config": json.dumps(config), "pruning_ratio": ratio, **own}


def grid(small: tuple[int, int], large: tuple[int, int]) -> list[dict[str, Any]]:
    """Two models at two budgets, each by two step counts of which the longer leaves 50 images fewer."""
    return [
        of_model(ratio, ifgsm(eps, steps, robust[place] + (50 if steps == 5 else 0)))
        for place, ratio in enumerate((0.2, 0.4))
        for eps, robust in (("4/255", small), ("16/255", large))
        for steps in (5, 20)
    ]


def test_the_budget_is_the_one_under_which_models_differ_most() -> None:
    rows = grid((800, 300), (10, 5))
    budget = choose_budget(rows)
    assert budget is not None
    assert round(255 * (budget.eps or 0)) == 4, "at the larger one nothing is left of either"
    best = find_best(rows)
    assert best is not None
    assert best.rows[0]["pruning_ratio"] == 0.2
    assert best.mean == (0.95, 0.8), "of the attack that leaves least, not of the last or the first"
    assert describe_best(best).endswith("all 2 attacks of linf eps 4/255)")


def test_the_worst_case_counts_where_it_is_known() -> None:
    rows = [{**found, "worst_case_correct": 600} for found in grid((800, 300), (10, 5))[:2]]
    best = find_best(rows)
    assert best is not None
    assert best.mean == (0.95, 0.6)


def test_a_weaker_attack_at_the_same_budget_does_not_speak() -> None:
    rows = [row({"name": "fgsm", "eps": "16/255"}, 700), ifgsm("16/255", 5, 450)]
    best = find_best(rows)
    assert best is not None
    assert best.mean == (0.95, 0.45)
    assert [found["attack"] for found in best.rows] == ["ifgsm"], "the trial to look at is that of the strongest"
    assert find_best([]) is None


def test_a_verdict_and_its_reason_stand_beside_the_best() -> None:
    """Also before the sweep has ended: rows have no verdicts until then."""
    falling = [ifgsm("8/255", 5, 600), ifgsm("8/255", 20, 450)]
    best = find_best(falling)
    assert best is not None
    assert best.doubt == "upper bound"
    assert "robust 45.00 % [upper bound] (" in describe_best(best)
    stated = state_best(best)
    assert (stated["best_doubt"] or "").startswith("upper bound: to settle it, add steps")
    judged = [{**found, "verdict": "suspicious", "verdict_reason": "no gradient"} for found in falling]
    assert describe_doubt(find_best(judged) or best) == "suspicious: no gradient"


def test_the_order_of_the_rows_changes_no_reason() -> None:
    """Neither that of the seeds, nor that of two attacks that leave as much in as many steps."""
    alike = [row({"name": name, "eps": "8/255", "steps": 20}, 450) for name in ("pgd", "mifgsm")]
    judged = [
        {**found, "seed": seed, "trial_id": f"{found['attack']}-{seed}", "verdict": "upper bound"}
        | {"verdict_reason": f"what {found['attack']} shows of seed {seed}"}
        for found in alike
        for seed in (0, 1)
    ]
    for rows in (judged, judged[::-1]):
        best = find_best(rows)
        assert best is not None
        assert describe_doubt(best) == "upper bound: what mifgsm shows of seed 0"


def test_nothing_stands_beside_a_best_that_nothing_speaks_against() -> None:
    best = find_best([{**found, "verdict": "ok"} for found in grid((800, 300), (10, 5))])
    assert best is not None
    assert "[" not in describe_best(best)
    assert state_best(best)["best_doubt"] is None
    assert state_best(None) == {"best": None, "best_doubt": None}


def test_the_images_of_a_worst_case_are_named_where_its_attacks_saw_others() -> None:
    best = find_best(annotate_rows(ROWS, read_images))
    assert best is not None
    assert best.mean == (0.75, 0.25), "both of the images that all attacks saw"
    assert describe_best(best).endswith(f"all 3 attacks of linf eps 8/255, {WORDS})")
    assert [(row["examples"], row["robust_correct"], row["attack_success_rate"]) for row in best.rows] == [
        (4, 1, pytest.approx(2 / 3))
    ]
    alike = find_best(annotate_rows([A, C], read_images))
    assert alike is not None
    assert describe_best(alike).endswith("all 2 attacks of linf eps 8/255)")


def test_attacks_that_are_left_out_speak_against_what_the_others_leave() -> None:
    """The strongest of one name is no worst case where another attack leaves less, and is one where it leaves more."""
    rows = annotate_rows([A, B, C], read_images)
    found = {len(some): find_best(narrow_worst_cases(rows, some, read_images)) for some in (rows[:1], rows[1:], rows)}
    assert {count: best.doubt for count, best in found.items() if best} == {1: UPPER_BOUND, 2: None, 3: None}


def test_before_images_are_compared_it_is_the_strongest_that_speaks() -> None:
    running = find_best([A, C])
    done = find_best(annotate_rows([A, C], read_images))
    assert running is not None
    assert done is not None
    assert describe_best(running).endswith("the strongest of 2 attacks of linf eps 8/255)")
    assert describe_best(done).endswith("all 2 attacks of linf eps 8/255)")


@pytest.mark.parametrize("how", ["two passes differ", "a transformation draws"])
def test_of_a_model_that_answers_at_random_the_strongest_attack_alone_speaks(how: str) -> None:
    """Nine attacks that fool nobody, and a judge that errs on each tenth image, another tenth at each look: by any of
    them about 900 of 1,000 are left, by all together 100."""
    noise = {"transformations": [{"name": "noise", "sigma": 0.1}]}
    attacks = [row({"name": "uniform", "eps": "8/255", "draws": draws}, 900 + draws) for draws in range(10)[1:]]
    for each in attacks:
        if how == "two passes differ":
            each["deterministic"] = False
        else:
            each["config"] = json.dumps({**json.loads(each["config"]), "inference": noise})
    images = {each["attack_key"]: {place: place % 10 != n for place in range(1000)} for n, each in enumerate(attacks)}
    judged = annotate_rows(attacks, lambda found: images[found["attack_key"]])
    assert {each["worst_case_correct"] for each in judged} == {None}
    for rows in (judged, [{**each, "worst_case_correct": 100} for each in judged]):
        best = find_best(rows)
        assert best is not None
        assert best.mean[1] == 0.901, "by what an earlier version stored, too"
        assert describe_best(best).endswith(
            "all 9 attacks of linf eps 8/255, of a model that answers at random the strongest alone)"
        )
    (line,) = list_worst_cases(judged)[1]
    assert line[-1] == "of a model that answers at random the strongest alone"
    (study,) = group_studies(judged)
    assert study.headline is study.strongest, "no more is said than of the one attack"
    (entry,) = study.under(study.headline)
    assert entry.mean[1] == 0.901


def test_one_attack_on_a_model_that_answers_at_random_needs_no_words() -> None:
    best = find_best([ifgsm("8/255", 10, 400, deterministic=False)])
    assert best is not None
    assert best.scope == ""


def test_the_best_setting_has_the_highest_mean_of_both_accuracies() -> None:
    careful = of_model(0.4, ifgsm("16/255", 20, 600, clean_correct=900))
    best = find_best(
        [of_model(0.2, ifgsm("16/255", 20, 200)), careful, of_model(0.6, ifgsm("16/255", 20, 610, clean_correct=700))]
    )
    assert best is not None
    assert best.rows[0]["pruning_ratio"] == 0.4


def test_an_attack_on_few_images_does_not_speak() -> None:
    best = find_best(
        [ifgsm("16/255", 20, 400), row({"name": "apgd_ce", "eps": "16/255"}, 5, examples=100, clean_correct=90)]
    )
    assert best is not None
    assert best.mean == (0.95, 0.4)


def test_the_best_is_named_by_what_varies_in_the_sweep() -> None:
    """By columns; where two models are alike in all of them, by the setting that tells them apart."""

    def of_training(robust: int, **columns: Any) -> dict[str, Any]:
        found = ifgsm("16/255", 20, robust)
        config = json.loads(found["config"])
        config["train"] |= {"objective": columns.pop("objective_config", None)}
        return {
            **found,
            "config": json.dumps(config),
            "train_key": json.dumps(config),
            "trial_id": f"{robust}",
        } | columns

    def name(*rows: dict[str, Any]) -> str:
        best = find_best(rows)
        assert best is not None
        return describe_best(best).split(" (", 1)[1]

    against = "ifgsm, 20 steps of linf eps 16/255)"
    plain, swa = of_training(300), of_training(400, objective="n_fgsm+swa", objective_config={"name": "n_fgsm"})
    assert name(plain, swa) == f"objective n_fgsm+swa, {against}"
    defended = of_training(600, transformations="bit_depth(bits 2)")
    defended["config"] = json.dumps(json.loads(defended["config"]) | {"inference": {"transformations": "a"}})
    assert name(plain, defended) == f"transformations bit_depth(bits 2), {against}"
    assert name(of_training(900), defended) == f"no transformations, {against}"
    other = of_training(700, objective_config={"beta": 6.0})
    assert name(plain, other) == f"train.objective.beta 6, {against}"
    assert name(plain, of_model(0.4, of_training(200))) == f"pruned 0.5, {against}"
    assert name(plain) == against, "one alone is told from nothing"


def test_of_budgets_under_which_models_differ_alike_the_one_that_leaves_half_speaks() -> None:
    """Half of what is seen rightly: 80 and 50 % on average, of 95 %."""
    for robust in (((900, 700), (600, 400)), ((600, 400), (350, 150))):
        budget = choose_budget(grid(*robust))
        assert budget is not None
        assert round(255 * (budget.eps or 0)) == (16 if robust[0] == (900, 700) else 4)


def test_a_trial_that_failed_is_none_that_the_best_is_told_from() -> None:
    rows = [of_model(0.2, ifgsm("8/255", 10, 400)), of_model(0.9, ifgsm("8/255", 10, 1)) | {"status": "failed"}]
    best = find_best(rows)
    assert best is not None
    assert best.settings == ()
    other = find_best([rows[0], rows[1] | {"status": "finished"}])
    assert other is not None
    assert other.settings == ("pruned 0.2",)


def test_the_reason_of_the_first_seed_that_gives_one_is_told() -> None:
    def judge(seed: int, verdict: str, reason: str | None) -> dict[str, Any]:
        return {"seed": seed, "verdict": verdict, "verdict_reason": reason}

    rows = [judge(2, "suspicious", "second"), judge(0, "suspicious", None), judge(1, "suspicious", "first"),
            judge(0, "ok", "fine")]  # fmt: skip
    assert [find_reason(rows, verdict) for verdict in ("suspicious", "ok", "upper bound", None)] == [
        "first", "fine", "", ""
    ]  # fmt: skip
