"""What the driver decides before anything runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.cluster.connect import Cluster
from orchestrator.options import LaunchOptions
from orchestrator.plan.estimates import Speeds
from orchestrator.plan.plan import make_plan
from orchestrator.plan.prepare import PreparedSweep
from orchestrator.run.driver import MOST_WORKERS, count_slots, order_trials
from orchestrator.space import space as spaces
from orchestrator.space.resources import Resources, ResourceTable
from orchestrator.store.sweep_store import SweepStore
from tasks.storage.storage import open_storage
from tests.conftest import CONFIG


def make_prepared(folder: Path, **finished: Any) -> PreparedSweep:
    """Two long and two short chains, by seed and by whether they are fine-tuned."""
    content: dict[str, Any] = {
        **CONFIG,
        "seed": {"grid_search": [0, 1]},
        "finetune": {"grid_search": [{**CONFIG["finetune"], "epochs": 40}, None]},  # type: ignore[dict-item]
    }
    plan = make_plan(spaces.build("order", "order", content), None)
    storage = open_storage(folder)
    speeds = Speeds({}, dict.fromkeys(["train", "prune", "finetune", "adversarial_finetune", "attack"], 1e-6))
    return PreparedSweep(
        plan, storage, SweepStore(storage, plan.sweep_id), ResourceTable(), {}, finished, speeds, plan.jobs(())
    )


def test_trials_come_in_the_order_in_which_their_last_stages_end(tmp_path: Path) -> None:
    prepared = make_prepared(tmp_path)
    chains = order_trials(prepared, 4)
    assert chains == {planned.trial_id: [stage.key for stage in planned.chain] for planned in prepared.plan.trials}
    ends = prepared.schedule(4).finished_at
    found = [ends[chain[-1]] for chain in chains.values()]
    assert found == sorted(found)
    assert [len(chain) for chain in chains.values()] == [4, 4, 5, 5], "the short chains first"


def test_finished_trials_are_not_walked_again(tmp_path: Path) -> None:
    prepared = make_prepared(tmp_path)
    done = prepared.plan.trials[0].trial_id
    assert done not in order_trials(replace(prepared, finished={done: {}}), 4)


def test_a_private_ray_has_a_worker_for_each_share_of_its_cpus(tmp_path: Path) -> None:
    prepared = replace(
        make_prepared(tmp_path), resources=ResourceTable({"attack": Resources(cpus=0.5)}, Resources(cpus=2))
    )
    cluster = Cluster(4.0, 0.0, tmp_path)
    assert count_slots(prepared, LaunchOptions("order"), cluster) == 8
    assert count_slots(prepared, LaunchOptions("order", address="auto"), cluster) == MOST_WORKERS
