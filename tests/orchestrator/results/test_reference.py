"""A paper's numbers and claims beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrator.results.reference import Comparison, compute_prediction_interval
from orchestrator.results.reference import compare as compare_with
from orchestrator.results.stage_numbers import StageNumbers
from orchestrator.space.paper import Paper, read_paper
from tasks import paths
from tasks.schema import EXAMPLES, HISTORY
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tasks.trial.row import Row
from tests.support.rows import ifgsm
from tests.support.stage_records import make_stage_record


def paper(**content: Any) -> Paper:
    found, mistakes = read_paper(content)
    assert not mistakes
    return found


def compare(about: Paper, rows: Sequence[Row]) -> list[Comparison]:
    """Where no number is asked for that stages keep."""
    return compare_with(about, rows, StageNumbers(StageStore(open_storage("memory-is-not-read"))))


def test_a_papers_number_agrees_when_it_lies_in_the_interval() -> None:
    reference: list[dict[str, Any]] = [
        {"match": {"attack": "ifgsm", "attack_eps": "8/255"}, "robust_accuracy": 0.21, "source": "near"},
        {"match": {"attack": "ifgsm", "train.epochs": 2}, "robust_accuracy": "1/2", "source": "far"},
        {"match": {"attack": "ifgsm", "prune": None}, "clean_accuracy": 0.5, "source": "absent"},
    ]
    near, far, absent = compare(paper(reference=reference), [ifgsm("8/255", 10, 200)])
    assert near.agreement == "yes"
    assert far.agreement == "no"
    assert absent.agreement == "not measured"
    assert (near.images, near.seeds, near.measured) == (1000, "1", 0.2)
    several = [ifgsm("8/255", 10, 200), ifgsm("8/255", 10, 400), ifgsm("8/255", 10, 600)]
    (noisy,) = compare(paper(reference=reference[1:2]), several)
    assert noisy.agreement == "within seeds"
    low, high = compute_prediction_interval([0.2, 0.4, 0.6]) or (0.0, 0.0)
    assert (high - low) / 2 == pytest.approx(4.302653 * 0.2 * (4 / 3) ** 0.5, abs=1e-6)  # t with 2 degrees of freedom


@pytest.mark.parametrize(
    ("weak", "strong", "agreement", "seeds"),
    [
        ([400, 500], [200, 300], "yes", "2 of 2"),
        ([200, 300], [400, 500], "no", "0 of 2"),
        ([410], [400], "cannot tell", "1 of 1"),
        ([900, 290], [200, 300], "not in every seed", "1 of 2"),
        ([], [200, 300], "not measured", "0"),
    ],
)
def test_a_papers_order_holds_beyond_chance_and_in_every_seed(
    weak: list[int], strong: list[int], agreement: str, seeds: str
) -> None:
    claim = {
        "says": "less budget, more robustness",
        "of": "robust_accuracy",
        "higher": {"attack_eps": "4/255"},
        "lower": {"attack_eps": "8/255"},
    }
    rows = [ifgsm("4/255", 10, count) | {"seed": seed} for seed, count in enumerate(weak)]
    rows += [ifgsm("8/255", 10, count) | {"seed": seed} for seed, count in enumerate(strong)]
    (judged,) = compare(paper(claims=[claim]), rows)
    assert (judged.agreement, judged.seeds) == (agreement, seeds)


def test_a_star_matches_whatever_is_not_null() -> None:
    rows = [ifgsm("8/255", 10, 200), ifgsm("8/255", 10, 300) | {"attack_surrogate": "alexnet"}]
    reference = [{"match": {"attack_surrogate": "*"}, "robust_accuracy": 0.3}]
    (found,) = compare(paper(reference=reference), rows)
    assert (found.seeds, found.measured) == ("1", 0.3)


def keep(folder: Path, key: str, name: str, table: pa.Table) -> None:
    store = StageStore(open_storage(folder))
    draft = store.make_draft()
    pq.write_table(table, draft / name)
    store.publish(key, draft, make_stage_record())


def test_numbers_that_stages_keep_are_compared_too(tmp_path: Path) -> None:
    """Two seeds on two trainings: losses of the second epoch 0.05 and 0.07, confidence 0.4 to 0.6 in four images."""
    rows = [ifgsm("8/255", 10, 200) | {"train_key": f"{seed}" * 64, "attack_key": f"a{seed}" * 32, "seed": seed}
            for seed in (1, 2)]  # fmt: skip
    for seed in (1, 2):
        history = [{"stage_key": f"{seed}" * 64, "stage": "train", "epoch": epoch, "train_loss": loss}
                   for epoch, loss in ((0, 0.5), (1, 0.03 + 0.02 * seed))]  # fmt: skip
        keep(tmp_path, f"{seed}" * 64, paths.HISTORY, pa.Table.from_pylist(history, schema=HISTORY))
        images = [{"stage_key": f"a{seed}" * 32, "index": place, "adversarial_confidence": value}
                  for place, value in enumerate((0.4, 0.6))]  # fmt: skip
        keep(tmp_path, f"a{seed}" * 32, paths.EXAMPLES, pa.Table.from_pylist(images, schema=EXAMPLES))
    reference = [
        {"match": {}, "stage": "train", "epoch": 2, "train_loss": 0.051},
        {"match": {}, "stage": "train", "epoch": 2, "train_loss": 0.9},
        {"match": {}, "stage": "train", "epoch": 3, "train_loss": 0.9},
        {"match": {"seed": 1}, "stage": "train", "epoch": 1, "train_loss": 0.5},
        {"match": {}, "adversarial_confidence": 0.55},
        {"match": {}, "adversarial_confidence": 0.8201},
    ]
    found = compare_with(paper(reference=reference), rows, StageNumbers(StageStore(open_storage(tmp_path))))
    assert [entry.agreement for entry in found] == [
        "within seeds", "no", "not measured", "cannot tell", "yes", "no"
    ]  # fmt: skip
    assert found[0].cells() == ["", "train epoch 2: train loss", "0.051", "0.060", "-", "2", "-", "within seeds"]
    assert found[2].cells()[3] == "-"
    assert found[4].cells()[1:4] == ["adversarial confidence", "55.00 %", "50.00 %"]
    low, high = found[4].interval
    assert (low, high) == pytest.approx((0.5 - 1.96 * 0.1 / 3**0.5, 0.5 + 1.96 * 0.1 / 3**0.5), abs=1e-4)
    assert found[4].images == 4
