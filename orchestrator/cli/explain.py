"""`explain`: why each stage of a trial was reused, or has to run."""

from dataclasses import asdict

from orchestrator.cli.options import Printing, TrialArgument
from orchestrator.options import DEFAULT_STORAGE, StorageOption


def explain(trial: TrialArgument, *, storage: StorageOption = DEFAULT_STORAGE, printing: Printing) -> None:
    """Say for each stage of a trial whether it was reused and from where, or why it has to run.

    \b
    Examples:
      advsweep explain 3f0a
      advsweep explain 3f0a --json
    """
    from orchestrator.results.explain import explain_trial
    from orchestrator.text import format_table
    from tasks.storage.storage import open_storage

    found = explain_trial(open_storage(storage), trial)
    table = [[line.kind, line.key[:12], line.reason] for line in found]
    printing.show([asdict(line) for line in found], lambda: format_table(["stage", "key", "why"], table))
