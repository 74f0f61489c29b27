"""The table of results at a glance."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.results.checks.verdict import SUSPICIOUS, Verdict
from orchestrator.results.pivot import build_pivot
from orchestrator.results.pivot_listing import describe_pivot, list_pivot
from orchestrator.results.verdict_notes import VerdictNotes
from orchestrator.space import space as spaces
from tasks.errors import UsageError
from tasks.trial.chain import build_chain
from tasks.trial.row import Row, make_failed_row, make_finished_row
from tests.conftest import CONFIG

SPACE: dict[str, Any] = {
    "seed": {"grid_search": [0, 1]},
    "dataset": {"name": "digits", "image_size": 16, "train_examples": 200},
    "model": {"name": "resnet8"},
    "train": CONFIG["train"],
    "prune": {"ratio": {"grid_search": [0.0, 0.5]}},
    "attack": {
        "grid_search": [
            {"name": "fgsm", "eps": 0},
            {"name": "ifgsm", "eps": {"grid_search": ["8/255", "16/255"]}, "steps": {"grid_search": [1, 10]}},
        ]
    },
}
TIME = "2026-01-01T00:00:00+00:00"


def count(row: Row) -> tuple[int, int]:
    """Of 1,000 images: more steps and more budget leave less, a seed ten less, pruning a hundred."""
    clean = 900 - 100 * (row["pruning_ratio"] > 0) - 10 * row["seed"]
    return clean, max(0, round(clean - 5000 * row["attack_eps"] - 20 * (row["attack_steps"] or 0)))


def rows_of(content: dict[str, Any]) -> list[Row]:
    """A finished row for each trial of a space."""
    found = []
    for trial in spaces.build("pivot", "pivot", content).trials:
        chain = build_chain(trial, "0" * 64)
        clean, robust = count(make_failed_row(trial, chain, ""))
        metrics = {"examples": 1000, "clean_correct": clean, "robust_correct": robust, "classes": 10, "parameters": 1}
        record = {"metrics": metrics | {"nonzero_parameters": 1, "macs": 1}, "device": "cpu", "versions": {},
                  "seconds": 1.0, "started_at": TIME, "finished_at": TIME, "threads": 1}  # fmt: skip
        found.append(make_finished_row(trial, chain, {stage.key: record for stage in chain}))
    return found


def test_a_line_for_each_model_and_a_column_for_each_budget_at_the_most_steps() -> None:
    rows = rows_of(SPACE)
    pivot = build_pivot(rows)
    listing = list_pivot(pivot, VerdictNotes([]))
    assert listing.render("table").splitlines() == [
        "pruned  seeds  images         clean         8/255        16/255",
        "------  -----  ------  ------------  ------------  ------------",
        "     0      2    1000  89.50 ± 0.71  53.80 ± 0.71  38.10 ± 0.71",
        "   0.5      2    1000  79.50 ± 0.71  43.80 ± 0.71  28.10 ± 0.71",
    ]
    assert list(describe_pivot(pivot)) == [
        "dataset digits, model resnet8, objective standard",
        "% of the test images: clean, and robust under ifgsm linf (10 steps), mean ± standard deviation over seeds",
    ]
    assert listing.render("csv").splitlines()[0] == (
        "pruning_ratio,seeds,images,clean_accuracy,clean_accuracy_deviation,"
        "robust_accuracy ifgsm linf 8/255,robust_accuracy_deviation ifgsm linf 8/255,verdict ifgsm linf 8/255,"
        "robust_accuracy ifgsm linf 16/255,robust_accuracy_deviation ifgsm linf 16/255,verdict ifgsm linf 16/255"
    )


def test_failed_trials_and_attacks_without_a_budget_have_no_column() -> None:
    rows = rows_of(SPACE)
    rows[0] = {**rows[0], "status": "failed"}
    assert [threat.label for threat in build_pivot(rows).threats.values()] == ["8/255", "16/255"]
    clean_only = [row for row in rows if row["attack_eps"] == 0]
    assert [threat.label for threat in build_pivot(clean_only).threats.values()] == ["0"]


def test_models_that_differ_in_a_setting_alone_have_lines_of_their_own() -> None:
    content = {**SPACE, "train": {**SPACE["train"], "epochs": {"grid_search": [1, 2]}}, "prune": None}
    pivot = build_pivot(rows_of(content))
    assert pivot.axes == ["train.epochs"]
    assert [line.settings for line in pivot.lines] == [[1], [2]]


def test_what_a_ratio_is_of_has_its_columns_wherever_it_varies() -> None:
    weights = {"ratio": 0.5, "unit": "weights", "within": {"grid_search": ["layer", "network"]}}
    content = {**SPACE, "prune": {"grid_search": [None, weights, {"ratio": 0.5, "importance": "l2"}]}}
    pivot = build_pivot(rows_of(content))
    assert pivot.axes == ["pruning_ratio", "prune.importance", "prune.within", "prune.unit"]
    assert [line.settings[2:] for line in pivot.lines] == [
        [None, None], ["layer", "weights"], ["network", "weights"], ["layer", "filters"]
    ]  # fmt: skip
    assert build_pivot(rows_of({**SPACE, "prune": weights | {"within": "network"}})).axes == []


def test_columns_of_several_attacks_are_named_by_what_tells_them_apart() -> None:
    attacks = [{"name": "fgsm", "eps": "8/255"}, {"name": "ifgsm", "eps": "8/255"},
               {"name": "ifgsm", "eps": "8/255", "targeted": True}]  # fmt: skip
    pivot = build_pivot(rows_of({**SPACE, "attack": {"grid_search": attacks}}))
    labels = [threat.label for threat in pivot.threats.values()]
    assert labels[0] == "fgsm 8/255"
    assert sorted(labels[1:]) == ["ifgsm 8/255", "ifgsm 8/255 targeted"]


def test_the_form_of_an_attack_for_models_that_answer_at_random_is_named_also_where_it_stands_alone() -> None:
    averaged = {"name": "autoattack", "eps": "8/255", "version": "rand"}
    once, several = (
        build_pivot(rows_of({**SPACE, "attack": {"grid_search": attacks}}))
        for attacks in ([averaged], [averaged, averaged | {"version": "standard"}, {"name": "fgsm", "eps": "8/255"}])
    )
    assert " robust under autoattack rand linf (" in list(describe_pivot(once))[-1]
    assert [threat.label for threat in once.threats.values()] == ["8/255"]
    assert sorted(threat.label for threat in several.threats.values()) == [
        "autoattack 8/255", "autoattack rand 8/255", "fgsm 8/255"
    ]  # fmt: skip


def test_what_a_check_says_stands_beside_the_number_and_below_the_table() -> None:
    rows = rows_of(SPACE)
    marked = [
        row for row in rows if row["attack_steps"] == 10 and row["pruning_ratio"] == 0 and row["attack_eps"] > 0.05
    ]
    hidden = [row for row in rows if row["attack_steps"] == 1]
    notes = VerdictNotes(
        [
            Verdict("noise", SUSPICIOUS, "0.5 and 0.7", "Carlini", tuple(row["trial_id"] for row in marked)),
            Verdict("other", SUSPICIOUS, "-", "-", tuple(row["trial_id"] for row in hidden)),
        ]
    )
    lines = list_pivot(build_pivot(rows), notes).render("table").splitlines()
    assert lines[2].endswith("53.80 ± 0.71  38.10 ± 0.71 !a")
    assert lines[3].endswith("43.80 ± 0.71     28.10 ± 0.71")
    assert list(notes.explain()) == ["!a  suspicious: noise, 1 number: 0.5 and 0.7 (Carlini)"]


def test_lines_are_sorted_by_any_column_and_cut() -> None:
    listing = list_pivot(build_pivot(rows_of(SPACE)), VerdictNotes([]))
    assert [values[0] for values, _ in listing.sort("-pruned").lines] == [0.5, 0.0]
    assert [values[0] for values, _ in listing.sort("-16/255").lines] == [0.5, 0.0]
    assert [values[0] for values, _ in listing.sort("Clean").lines] == [0.0, 0.5]
    assert [values[0] for values, _ in listing.sort("robust_accuracy ifgsm linf 8/255").lines] == [0.0, 0.5]
    assert listing.cut(1).render("table").endswith("\n... and 1 more line")
    with pytest.raises(UsageError, match=r"--sort claen: no column of this table; choose from .*did you mean 'clean'"):
        listing.sort("claen")


def test_numbers_that_are_missing_come_last_whatever_the_order() -> None:
    rows = [row for row in rows_of(SPACE) if not (row["pruning_ratio"] == 0 and row["attack_eps"] > 0.05)]
    listing = list_pivot(build_pivot(rows), VerdictNotes([]))
    for order in ("16/255", "-16/255"):
        assert [values[0] for values, _ in listing.sort(order).lines] == [0.5, 0.0]
    assert listing.lines[0][1][-1] == "-"


def test_a_narrow_terminal_has_a_line_for_each_value() -> None:
    shown = list_pivot(build_pivot(rows_of(SPACE)), VerdictNotes([])).render("table", 20)
    assert max(map(len, shown.splitlines())) <= 20
    assert shown.split("\n\n")[1].splitlines()[:2] == ["pruned  0.5", "seeds   2"]


def test_clean_accuracy_is_not_of_images_that_were_right_before() -> None:
    attack = {"name": "ifgsm", "eps": "8/255", "steps": 10}
    rows = rows_of({**SPACE, "attack": {"grid_search": [{**attack, "only_correct": True}, attack]}})
    shown = [row | {"clean_accuracy": 1.0} if row["only_correct"] else row for row in rows]
    for line in build_pivot(shown).lines:
        assert [row["only_correct"] for row in line.clean] == [False, False]


NOISE = {"name": "noise", "sigma": 0.25}
SMOOTHED = {"transformations": [NOISE], "answer": "vote", "samples": 10}
PGD = {"name": "pgd", "norm": "l2", "eps": 0.25, "steps": 10}


def space_of(inference: list[Any], *attacks: dict[str, Any]) -> dict[str, Any]:
    return {**SPACE, "seed": 0, "prune": None, "inference": {"grid_search": inference},
            "attack": {"grid_search": list(attacks)}}  # fmt: skip


def test_a_certified_vote_and_the_attacked_bare_model_are_two_lines() -> None:
    smoothing = {"name": "randomized_smoothing", "eps": {"grid_search": [0, 0.25]}, "sigma": 0.25}
    rows = rows_of(space_of([None, SMOOTHED], smoothing, PGD))
    for row in rows:  # a vote sees less: what is certified of it says nothing of the bare model
        row["clean_accuracy"] = {"by vote": 0.7, "vote x10": 0.6}.get(str(row["transformations"])[-8:].strip(), 0.9)
    listing = list_pivot(build_pivot(rows), VerdictNotes([]))
    assert [column.heading for column in listing.columns if column.heading] == [
        "transformations", "seeds", "images", "clean",
        "pgd 0.25", "certified randomized_smoothing 0", "certified randomized_smoothing 0.25",
    ]  # fmt: skip
    shown = {texts[0]: (texts[3], [text != "-" for text in texts[4:]]) for _, texts in listing.lines}
    assert shown == {
        "-": ("90.00", [True, False, False]),
        "noise(sigma 0.25) by vote": ("70.00", [False, True, True]),
        "noise(sigma 0.25) by vote x10": ("60.00", [True, True, True]),
    }


def test_certificates_of_several_sigmas_share_the_columns_of_their_budgets() -> None:
    sigmas = {"name": "randomized_smoothing", "eps": 0.25, "sigma": {"grid_search": [0.12, 0.25]}}
    pivot = build_pivot(rows_of(space_of([None], sigmas)))
    assert [threat.label for threat in pivot.threats.values()] == ["certified 0.25"]
    assert [line.settings for line in pivot.lines] == [["noise(sigma 0.12) by vote"], ["noise(sigma 0.25) by vote"]]


def test_whether_an_attack_stops_makes_a_column_only_where_one_classifier_met_both() -> None:
    both = {**PGD, "stop_when_fooled": {"grid_search": [True, False]}}
    apart = build_pivot(rows_of(space_of([None, SMOOTHED], PGD)))
    assert [threat.label for threat in apart.threats.values()] == ["0.25"]
    met = build_pivot(rows_of(space_of([None], both)))
    assert sorted(threat.label for threat in met.threats.values()) == ["0.25", "0.25 stop_when_fooled"]
