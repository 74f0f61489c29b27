"""Run one trial without Ray or W&B: `python -m tasks --config trial.yaml --storage DIR [--data-dir DIR]`.

The file holds one resolved configuration, a search space without any `grid_search`. The trial's row is printed as
JSON; stages that the storage already has are not computed again.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tasks.data.source import inspect_dataset
from tasks.devices import choose_device
from tasks.errors import StageError, StorageError, UsageError, describe_system_error
from tasks.local_paths import parse_local_path
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import establish_storage, open_storage
from tasks.trial.chain import build_chain
from tasks.trial.read import read_trial
from tasks.trial.row import Row, make_finished_row
from tasks.trial.trial import simplify_trial


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0 finished, 1 the trial failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m tasks", description="Run one trial without Ray or W&B.")
    parser.add_argument("--config", required=True, type=Path, help="YAML file of one resolved configuration")
    parser.add_argument("--storage", default="results", help="folder or URI that keeps finished stages")
    parser.add_argument("--data-dir", type=Path, help="root of the data sets")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1, choices=range(1, 1025), metavar="N", help="torch threads")
    options = parser.parse_args(arguments)
    try:
        row = run_trial(options.config, options.storage, options.data_dir, options.device, options.threads)
    except (StorageError, UsageError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except OSError as error:
        print(f"error: {describe_system_error(error)}", file=sys.stderr)  # noqa: T201
        return 2
    except (MemoryError, StageError) as error:
        print(f"failed: {'out of memory: ' * isinstance(error, MemoryError)}{error}", file=sys.stderr)  # noqa: T201
        return 1
    print(json.dumps(row, default=str))  # noqa: T201
    return 0


def run_trial(config: Path, storage_uri: str, data_dir: Path | None, device: str = "auto", threads: int = 1) -> Row:
    """Run the trial of a file; its row.

    :raises UsageError: the file, the data or the storage cannot be used as they are.
    :raises StageError: a stage cannot give an honest result.
    """
    trial = simplify_trial(read_trial(parse_local_path(config, "--config")))
    stages = build_chain(trial, inspect_dataset(trial.dataset, data_dir).fingerprint)
    chosen = choose_device(device)
    storage = open_storage(storage_uri)
    establish_storage(storage)
    from tasks.stages.context import Context
    from tasks.stages.run import run_chain

    context = Context(StageStore(storage), data_dir, chosen, threads)
    return make_finished_row(trial, stages, run_chain(stages, context))


if __name__ == "__main__":
    sys.exit(main())
