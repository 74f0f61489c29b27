"""The sizes of smallest perturbations and what they cost, beside adv-lib, foolbox, ART and secml-torch.

    python -m benchmarks smallest --data-dir ../data/mnist --cifar ../data/cifar10/cifar10_lossless.npz

Every attack takes as many steps as the passes of an image buy. The peers live in a folder of the benchmark's own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

PEERS = (
    "adv-lib", "foolbox", "eagerpy", "tqdm", "adversarial-robustness-toolbox", "packaging", "six", "secml-torch"
)  # fmt: skip
"""Installed without what they depend on: torch is that of whoever asks."""


def options(arguments: list[str]) -> argparse.Namespace:
    """What is measured, and where things lie."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks smallest", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data-dir", type=Path, help="folder with MNIST/raw; without it MNIST is left out")
    parser.add_argument("--cifar", type=Path, help="npz of x_train y_train x_test y_test")
    parser.add_argument("--work", type=Path, default=Path("results/benchmark"), help="keeps trained models and peers")
    parser.add_argument("--peers", type=Path, help="folder of the peers; made where it is missing")
    parser.add_argument("--train", type=int, default=4000, help="images that a model is trained on")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--images", type=int, default=48, help="attacked images")
    parser.add_argument("--first", type=int, default=0, help="place of the first attacked image in the test set")
    parser.add_argument("--passes", type=int, default=400, help="forward and backward passes of an image")
    parser.add_argument("--repeats", type=int, default=1, help="timed runs of each; the median counts")
    parser.add_argument("--only", nargs="*", default=[], help="norms")
    parser.add_argument("--attacks", nargs="*", default=[], help="names of attacks; without it all are run")
    parser.add_argument("--keep", type=Path, help="JSON lines of what was found; what stands there is not run again")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Returns 0."""
    asked = options(arguments)
    folder = asked.peers or asked.work / "peers"
    if not folder.exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *PEERS]
        subprocess.run(install, check=True)
    sys.path.append(str(folder))
    from benchmarks.smallest_measure import measure

    measure(asked)
    return 0
