"""`python -m benchmarks gpu`: training, its steps, attacks, their packing, two recipes and all verdicts, on a GPU.

Without one, `--pretended --toy` runs the same to its end on a GPU that is only pretended: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import gpu_measure
from benchmarks.gpu_measure import FULL, PGD, TOY, Size
from orchestrator.text import format_table
from tasks.devices import EXACT, check_device

PARTS = ("training", "steps", "attack", "packing", "recipes", "verdicts", "sweep")
RECIPES: dict[str, dict[str, Any]] = {
    "N-FGSM": {"name": "n_fgsm", "eps": "8/255"},
    "PGD-AT": {"name": "adversarial", "lambda": 1.0, "attack": PGD},
}
PROCESSES = (1, 2, 4, 8)


def main(arguments: list[str]) -> int:
    """Print one table for each part; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu", description=__doc__)
    parser.add_argument("--only", nargs="*", default=list(PARTS), choices=(*PARTS, "attack alone"))
    parser.add_argument("--data-dir", type=Path, help="where CIFAR-10 lies; some parts need it")
    parser.add_argument("--toy", action="store_true", help="a few small images")
    parser.add_argument("--pretended", action="store_true", help="a GPU that is only pretended")
    options = parser.parse_args(arguments)
    size, device = TOY if options.toy else FULL, open_device(pretended=options.pretended)
    if options.only == ["attack alone"]:
        print(f"{gpu_measure.measure_attack(size, device):.3f}")
        return 0
    again = [word for word, said in (("--toy", options.toy), ("--pretended", options.pretended)) if said]
    with tempfile.TemporaryDirectory(prefix="gpu-") as folder:
        for part in options.only:
            started = time.perf_counter()
            text = list_parts(size, device, options.data_dir, Path(folder), again)[part]()
            print(f"## {part}\n{text}\n({time.perf_counter() - started:.0f} s)\n", flush=True)
    return 0


def open_device(*, pretended: bool) -> str:
    """torch's name of the device.

    :raises UsageError: torch finds no GPU.
    """
    import os

    for name, value in EXACT.items():
        os.environ.setdefault(name, value)
    if pretended:
        from tests.support import pretended_gpu

        return pretended_gpu.NAME
    check_device("cuda")
    return "cuda"


def list_parts(
    size: Size, device: str, data_dir: Path | None, folder: Path, again: list[str]
) -> dict[str, Callable[[], str]]:
    """Part -> what measures it and makes its table.

    :param again: words by which another process of this benchmark measures at the same size.
    """
    can_train = size is TOY or data_dir is not None
    left_out = "left out: give --data-dir with CIFAR-10"
    return {
        "training": lambda: show_training(size, device),
        "steps": lambda: show_steps(size, device),
        "attack": lambda: f"PGD-10, fp32: {gpu_measure.measure_attack(size, device):,.0f} images a second",
        "packing": lambda: show_packing(again, PROCESSES[:2] if size is TOY else PROCESSES),
        "recipes": lambda: show_recipes(size, device, data_dir, folder) if can_train else left_out,
        "verdicts": lambda: show_verdicts(size, device, data_dir, folder) if can_train else left_out,
        "sweep": lambda: show_sweep(folder, data_dir) if size is FULL and data_dir else left_out,
    }


def show_training(size: Size, device: str) -> str:
    """Images per second in each precision, and the share of the card's bf16 peak."""
    peak = gpu_measure.find_peak(device)
    rows = []
    for precision in ("fp32", "tf32", "bf16"):
        rate, operations = gpu_measure.measure_training(size, device, precision)
        share = f"{100 * operations / peak:.1f}" if peak else "-"
        rows.append([precision, f"{rate:,.0f}", f"{operations / 1e12:.2f}", share])
    return format_table(["precision", "images a second", "TFLOP/s", "% of bf16 peak"], rows)


def show_steps(size: Size, device: str) -> str:
    """What a step of a recipe takes, in bf16; a fifth of the images is enough to see it."""
    fewer, rows = replace(size, images=max(size.images // 5, 10)), []
    for name, objective in {"standard": gpu_measure.STANDARD, **RECIPES}.items():
        rate, _ = gpu_measure.measure_training(fewer, device, "bf16", objective, size.recipe_batch)
        rows.append([name, str(size.recipe_batch), f"{rate:,.0f}", f"{1000 * size.recipe_batch / rate:.1f}"])
    return format_table(["training", "batch", "images a second", "ms a step"], rows)


def show_packing(again: list[str], processes: Iterable[int]) -> str:
    """Images per second of several attacks on one GPU."""
    rates = {count: gpu_measure.measure_packing(again, count) for count in processes}
    alone = next(iter(rates.values()))
    rows = [[str(count), f"{rate:,.0f}", f"{rate / alone:.2f}"] for count, rate in rates.items()]
    return format_table(["attacks at once", "images a second in all", "over one"], rows)


def show_recipes(size: Size, device: str, data_dir: Path | None, folder: Path) -> str:
    """Seconds of training and robust accuracy of two recipes."""
    rows = []
    attack = {"name": size.attack, "eps": "8/255"} | ({"examples": size.examples} if size is TOY else {})
    for name, objective in RECIPES.items():
        sections = gpu_measure.describe_recipe(size, objective, attack)
        train, judged = gpu_measure.run_trial(sections, folder / "recipes", data_dir, device)
        metrics = judged["metrics"]
        shares = [100 * metrics[what] / metrics["examples"] for what in ("clean_correct", "robust_correct")]
        rows.append([name, str(size.epochs), f"{train['training_seconds']:.0f}", *(f"{share:.1f}" for share in shares)])
    return format_table(["recipe", "epochs", "training s", "clean %", f"{size.attack} %"], rows)


def show_verdicts(size: Size, device: str, data_dir: Path | None, folder: Path) -> str:
    """Robust images of every attack, on the CPU and on the device."""
    rows = [[name, *map(str, counts)] for name, *counts in gpu_measure.compare_verdicts(size, folder, data_dir, device)]
    return format_table(["attack", "images", "robust by the CPU", "robust by the device"], rows)


def show_sweep(folder: Path, data_dir: Path) -> str:
    """The whole of `cifar10_aft`."""
    from orchestrator.launch import launch
    from orchestrator.options import LaunchOptions

    shown = io.StringIO()
    options = LaunchOptions(
        "cifar10_aft", storage=str(folder / "sweep"), data_dir=data_dir, wandb="disabled", device="cuda"
    )
    started = time.perf_counter()
    code = launch(options, Console(file=shown, width=200))
    return f"cifar10_aft: exit code {code} after {time.perf_counter() - started:.0f} s\n{shown.getvalue()[-2000:]}"
