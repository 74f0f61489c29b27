"""The one entry by which stages run: what a record says, what is cleaned up, and which arithmetic is used."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.stages import run as running
from tasks.stages.context import Context
from tasks.stages.run import run_chain, run_stages
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tasks.temporary import remove_temporary_folder
from tasks.trial.chain import Stage
from tests.support import small

TRIAL = small.trial(prune={"ratio": 0.5})
SWITCHES = torch.backends.cudnn


def make_context(folder: Path) -> Context:
    return Context(StageStore(open_storage(folder)), None, "cpu", threads=1, sweep_id="mine")


class Clock:
    """Seven seconds pass between two looks at it."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        self.now += 7.0
        return self.now


def replace_work(monkeypatch: pytest.MonkeyPatch, work: Any) -> None:
    """Have pruning do something else."""
    monkeypatch.setitem(running.WORK, "prune", work)


def test_a_record_says_what_was_run_where_by_whom_and_how_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drafts: list[Path] = []
    monkeypatch.setattr(running, "time", Clock())

    def work(stage: Stage, context: Context, draft: Path) -> dict[str, Any]:  # noqa: ARG001
        drafts.append(draft)
        (draft / "model.safetensors").write_bytes(b"weights")
        assert not SWITCHES.benchmark
        assert SWITCHES.deterministic
        return {"metrics": {"pruned": 3}, "model": {"name": "mine"}, "training_seconds": 3.0}

    replace_work(monkeypatch, work)
    stage, begun = small.stages_of(TRIAL)[1], datetime.now(timezone.utc)
    (record,) = run_stages([stage], make_context(tmp_path))
    assert {name: record[name] for name in stage.identity if name not in ("settings", "model")} == {
        name: value for name, value in stage.identity.items() if name not in ("settings", "model")
    }
    assert record["model"] == {"name": "mine"}, "what it published, not what it was to be"
    assert record["settings"] == stage.settings.describe()
    assert record["model_settings"] == stage.model.describe()
    assert (record["sweep_id"], record["device"], record["threads"]) == ("mine", "cpu", 1)
    assert (record["seconds"], record["metrics"]) == (7.0, {"pruned": 3})
    assert record["versions"].keys() >= {"python", "torch", "advsweep"}
    times = [datetime.fromisoformat(record[name]) for name in ("started_at", "finished_at")]
    assert begun <= times[0] <= times[1] <= datetime.now(timezone.utc)
    assert not drafts[0].exists()


def test_time_before_a_checkpoint_counts_and_metrics_may_be_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "time", Clock())
    replace_work(monkeypatch, lambda stage, context, draft: {"training_seconds": 90.0})  # noqa: ARG005
    (record,) = run_stages([small.stages_of(TRIAL)[1]], make_context(tmp_path))
    assert (record["seconds"], record["metrics"]) == (90.0, {})


def test_a_stage_that_fails_leaves_no_draft_and_the_switches_of_torch_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts: list[Path] = []
    released: list[torch.device] = []
    monkeypatch.setattr(running, "release_memory", released.append)

    def fail(stage: Stage, context: Context, draft: Path) -> dict[str, Any]:  # noqa: ARG001
        drafts.append(draft)
        raise KeyError("here")

    replace_work(monkeypatch, fail)
    at, stage = make_context(tmp_path), small.stages_of(TRIAL)[1]
    with pytest.raises(KeyError, match="here"):
        run_stages([stage], at)
    assert not drafts[0].exists()
    assert not at.store.has(stage.key)
    assert released == [torch.device("cpu")]
    remove_temporary_folder(drafts[0])


def test_of_a_chain_only_what_is_missing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def note(stages: list[Stage], context: Context) -> list[dict[str, Any]]:  # noqa: ARG001
        ran.extend(stage.kind for stage in stages)
        return [{"ran": stage.kind} for stage in stages]

    at, chain = make_context(tmp_path), small.stages_of(TRIAL)
    replace_work(monkeypatch, lambda stage, context, draft: {})  # noqa: ARG005
    (stored,) = run_stages([chain[1]], at)
    monkeypatch.setattr(running, "run_stages", note)
    found = run_chain(chain, at)
    assert list(found) == [stage.key for stage in chain]
    assert ran == ["train", "attack"]
    assert found[chain[1].key] == stored
    assert found[chain[0].key] == {"ran": "train"}
