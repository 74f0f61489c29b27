"""The space that `advsweep init` writes."""

from __future__ import annotations

from pathlib import Path

from tasks.errors import UsageError
from tasks.local_paths import parse_local_path

TEMPLATE = """\
# A search space of advsweep. Any value, and any whole section, may be {grid_search: [...]}.
# `advsweep show` lists all settings, `advsweep show attack pgd` those of one part.

description: what pruning costs in robustness, with and without adversarial fine-tuning

seed: {grid_search: [0, 1, 2]}                 # replicates; intervals and tests are over these

dataset: {name: digits, image_size: 16}        # ships with advsweep; or mnist, cifar10, ... with --data-dir

model: {name: resnet8}                         # or resnet18, wide_resnet28_10, ..., or one of your own (--plugin)

train:
  epochs: 3
  batch_size: 32
  optimizer: {name: sgd, lr: 0.1, momentum: 0.9}

prune:                                         # null: nothing is pruned
  ratio: {grid_search: [0.0, 0.5]}             # share of the filters of every convolution
  importance: l1

finetune: null                                 # as train: after pruning

adversarial_finetune:                          # a list of whole sections links settings; null skips the stage
  grid_search:
    - null
    - lambda: 0.9                              # share of the adversarial loss
      epochs: 1
      batch_size: 32
      optimizer: {name: sgd, lr: 0.02, momentum: 0.9}
      attack: {name: ifgsm, eps: 8/255, steps: 5}

attack:                                        # how the finished models are evaluated
  name: ifgsm
  eps: {grid_search: [4/255, 8/255]}
  steps: {grid_search: [5, 20]}
  examples: 200                                # of the test split; null: all
"""


def write_template(file: Path) -> None:
    """Write the template.

    :raises UsageError: there is such a file already, or it cannot be written.
    """
    path = parse_local_path(file, "FILE")
    try:
        with path.open("x", encoding="utf-8") as sink:
            sink.write(TEMPLATE)
    except FileExistsError:
        raise UsageError(f"{file}: exists already; give another name") from None
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
