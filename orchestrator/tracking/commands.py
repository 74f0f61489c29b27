"""`advsweep wandb sync`: send what is pending, once."""

from __future__ import annotations

import platform
from collections.abc import Callable

from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking.folder import WandbFolder
from orchestrator.tracking.sender import Sender
from orchestrator.tracking.server import UnreachableError, ask_viewer, redact_url
from tasks.errors import UsageError


def sync(sweep: SweepStore, seconds: float, say: Callable[[str], None]) -> bool:
    """Send every run that the server does not have; whether it has all of them now.

    :param seconds: the time that all of it may take.
    :raises UsageError: there is nothing that could be sent from here, no server, or no key for it.
    """
    folder = WandbFolder(sweep)
    written, waiting = folder.written(), folder.sendable()
    if not written:
        raise UsageError(f"{sweep.sweep_id} has no W&B runs: the command that launched it, again, writes them")
    if not waiting:
        elsewhere = _find_elsewhere(folder)
        if elsewhere:
            raise UsageError(elsewhere)
        say(f"{sweep.sweep_id}: nothing to send, {len(folder.sent())} runs are on the server")
        return True
    try:
        ask_viewer()
    except UnreachableError as error:
        raise UsageError(f"W&B: {error}; {len(waiting)} runs are kept in {folder.path}") from None
    outcome = Sender(folder).send(seconds, lambda sent, total: say(f"{sent}/{total} runs sent"))
    if outcome.error:
        left = len(waiting) - len(outcome.keys)
        say(f"W&B: {outcome.error}; {left} runs are kept in {folder.path}, the same command sends them")
        return False
    say(f"{sweep.sweep_id}: {len(outcome.keys)} runs sent to {redact_url()}, project {folder.place().get('project')}")
    return True


def _find_elsewhere(folder: WandbFolder) -> str | None:
    """Where unsent files lie that are not on this machine."""
    trials = {str(row["trial_id"]) for row in folder.sweep.rows()}
    missing = [key for key in folder.unsent() if key in trials]
    if not missing:
        return None  # all that is left are runs of the sweep that a newer one has replaced
    known = [f"{place['folder']} on {place['host']}" for place in folder.place().get("places", [])]
    place = ", ".join(known) or "an unknown place"
    return f"{len(missing)} runs are not sent, and their files are not on {platform.node()}: they lie in {place}"
