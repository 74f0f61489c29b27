"""Why each stage of a trial was reused, or has to run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.store.stage_records import load_records
from orchestrator.store.sweep_store import Identity, find_trial
from tasks.plugins.load import PLUGINS
from tasks.settings import CODE
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage
from tasks.trial.chain import list_own_keys

IDENTITY = ("kind", "version", "seed", "dataset", "data", "model", "settings", "upstream")


@dataclass(frozen=True)
class Explanation:
    """One stage of a trial."""

    kind: str
    """`surrogate train` and so on where the stage makes another model, against which examples are made."""
    key: str
    stored: bool
    reason: str


def explain_trial(storage: Storage, name: str) -> list[Explanation]:
    """A line for every stage of a trial.

    :raises UsageError: there is no such trial.
    """
    sweep, keys, stages = find_trial(storage, name)
    store = StageStore(storage)
    records = load_records(store, store.list_keys())
    own = set(list_own_keys(keys[-1], {key: stage["upstream"] for key, stage in stages.items()}))
    found = [_explain_stage(key, stages[key], records, sweep.sweep_id) for key in keys]
    changed = _find_changes(keys, stages)
    found = [
        replace(line, reason=f"{line.reason}; {changed[line.key]}") if line.stored and line.key in changed else line
        for line in found
    ]
    return [
        line if line.key in own or line.kind == "generator" else replace(line, kind=f"surrogate {line.kind}")
        for line in found
    ]


def _find_changes(keys: Iterable[str], stages: Mapping[str, Identity]) -> dict[str, str]:
    """Key -> what a launch would compute anew, since code of a user's own is other than it was when it was planned.

    :param keys: of stages, each behind what it builds on.
    """
    now = {name: digest for plugin in PLUGINS.loaded.values() for name, digest in plugin.list_digests().items()}
    found: dict[str, str] = {}
    for key in keys:
        then = _collect_digests(stages[key])
        files = sorted(name for name in then if now.get(name, then[name]) != then[name])
        if files:
            found[key] = f"the code has changed since: {', '.join(files)}: a launch computes it anew"
        elif found.keys() & set(stages[key]["upstream"].values()):
            found[key] = "what it builds on has changed since: a launch computes it anew"
    return found


def _collect_digests(content: Any) -> dict[str, str]:
    """File -> digest of all code that an identity names."""
    if isinstance(content, list):
        return {name: digest for part in content for name, digest in _collect_digests(part).items()}
    if not isinstance(content, dict):
        return {}
    found = {name: digest for part in content.values() for name, digest in _collect_digests(part).items()}
    code = content.get(CODE)
    return {**found, **code} if isinstance(code, dict) else found


def _explain_stage(key: str, identity: Identity, records: Mapping[str, Identity], sweep_id: str) -> Explanation:
    record = records.get(key)
    if record is None:
        return Explanation(identity["kind"], key, stored=False, reason=_explain_missing(identity, records.values()))
    maker = record["sweep_id"]
    if maker == sweep_id:
        reason = f"computed by this sweep at {record['finished_at'][:19]} in {record['seconds']:.1f} s"
    else:
        where = f"sweep {maker}" if maker else "a single trial run"
        reason = f"reused from {where}: computed at {record['finished_at'][:19]}, saved {record['seconds']:.1f} s"
    return Explanation(identity["kind"], key, stored=True, reason=reason)


def _explain_missing(identity: Identity, records: Iterable[Identity]) -> str:
    """Compare with the nearest stored stage of the same kind."""
    same_kind = [record for record in records if record["kind"] == identity["kind"]]
    if not same_kind:
        return f"must run: no {identity['kind']} stage is stored"
    nearest = min((list_differences(_read_identity(record), identity) for record in same_kind), key=len)
    return f"must run: the nearest stored {identity['kind']} differs in {'; '.join(nearest)}"


def _read_identity(record: Identity) -> dict[str, Any]:
    """The identity that a record was stored under; its settings may name fields that are in no key.

    `model` of a record describes the network that was made; what it was asked to be stands in `model_settings`."""
    asked = None if "model" in record["upstream"] else record["model_settings"]
    return {name: record[name] for name in IDENTITY} | {"model": asked}


def list_differences(stored: Any, wanted: Any, path: str = "") -> list[str]:
    """`path: stored -> wanted` for every setting that differs."""
    if isinstance(stored, dict) and isinstance(wanted, dict):
        names = sorted(wanted.keys() if path == "settings" else stored.keys() | wanted.keys())
        return [
            line
            for name in names
            for line in list_differences(stored.get(name), wanted.get(name), f"{path}.{name}" if path else name)
        ]
    if stored == wanted:
        return []
    if path.endswith(f".{CODE}") and isinstance(files := stored or wanted, dict):
        return [f"the code: {', '.join(files)} is that of one of them alone"]
    if f".{CODE}." in path:
        return [f"the code: {path.rpartition(f'.{CODE}.')[2]} has other content"]
    if path.startswith("upstream"):
        return ["what it builds on"]
    if path == "data":
        return ["the data: other content"]
    if path == "version":
        return [f"its version: {stored} -> {wanted}"]
    return [f"{path}: {stored} -> {wanted}"]
