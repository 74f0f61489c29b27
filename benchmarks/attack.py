"""Robust accuracy and speed of our attacks beside torchattacks, ART, foolbox and pyautoattack, on the same models.

    python -m benchmarks attack --data-dir ../data --cifar ../data/cifar10.npz

The peers live in a virtual environment of the benchmark's own, where the measurements run in one process and thread.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

PEERS = ("torchattacks", "adversarial-robustness-toolbox", "foolbox", "pyautoattack", "packaging", "six")


def options(arguments: list[str]) -> argparse.Namespace:
    """What is measured, and where things lie."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks attack", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data-dir", type=Path, help="folder with MNIST/raw; without it MNIST is left out")
    parser.add_argument("--cifar", type=Path, help="folder of CIFAR-10, or npz of x_train y_train x_test y_test")
    parser.add_argument("--digits", action="store_true", help="scikit-learn's digits as well: no data needed")
    parser.add_argument("--cifar-model", default="resnet18", choices=("resnet8", "resnet18"))
    parser.add_argument(
        "--cifar-size", type=int, default=32, help="pixels a side, enlarged; 224: ResNet-18 as on ImageNet"
    )
    parser.add_argument("--work", type=Path, default=Path("results/benchmark"), help="keeps trained models")
    parser.add_argument("--venv", type=Path, help="virtual environment of the peers; made where it is missing")
    parser.add_argument(
        "--images", type=int, default=500, help="attacked images of the gradient-sign family, small models"
    )
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each; the median counts")
    parser.add_argument("--only", nargs="*", default=[], help="words in the names of cases")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Returns 0, or 1 where our robust accuracy is more than half a point above a peer's."""
    asked = options(arguments)
    if asked.inside:
        from benchmarks.attack_measure import measure

        return measure(asked)
    python = peers_python(asked.venv or asked.work / "venv")
    return subprocess.run([str(python), "-m", "benchmarks", "attack", *arguments, "--inside"], check=False).returncode


def peers_python(folder: Path) -> Path:
    """The interpreter of the peers' environment, which is made where it is missing.

    It sees the packages of the environment that asks behind its own, so that torch is the same for all.
    """
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        (site,) = folder.glob("lib/python*/site-packages")
        (site / "asking.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEERS], check=True)
    return python
