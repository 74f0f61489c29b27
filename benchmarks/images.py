"""A set of as many images as ImageNet has: what planning, decoding and an epoch take in time and memory."""

from __future__ import annotations

import argparse
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

from orchestrator.text import format_table

SIZE, CLASSES = 8, 1000
SPACE = """
seed: 0
dataset: {{name: image_folder, image_size: {size}, stream_above: {limit}, split: {{test: 0.01}}}}
model: {{name: resnet8}}
train: {{epochs: 1, batch_size: 512, optimizer: {{name: sgd, lr: 0.1}}}}
attack: {{name: fgsm, eps: 0, examples: 20}}
"""
HEADER = b"\x89PNG\r\n\x1a\n"


def main(arguments: list[str]) -> None:
    """Print the table; see `docs/benchmarks.md`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks images", description=__doc__)
    parser.add_argument("--images", type=int, default=1_281_167, help="two thousand at least")
    parser.add_argument("--folder", type=Path, help="where the images are made, and kept; default: a temporary folder")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        make_images(folder / "images", options.images)
        space = folder / "space.yaml"
        # an eighth of the set may be held in memory
        space.write_text(SPACE.format(size=SIZE, limit=options.images * 3 * SIZE**2 / 8e9))
        data = ["--data-dir", str(folder / "images")]
        plan = ["-m", "advsweep", "plan", "--space", str(space), "--storage", str(folder / "results"), *data]
        asked = ["--set", f"image_size={SIZE}", "--set", "split.test=0.01"]
        steps = {
            "plan, with the fingerprint of new files": plan,
            "plan, once they are known": plan,
            "decoding": ["-m", "advsweep", "data", "prepare", "image_folder", *data, *asked],
            "one epoch": [
                "-m", "tasks", "--config", str(space), "--storage", str(folder / "results"), *data,
            ],
        }  # fmt: skip
        rows = []
        for what, command in steps.items():
            wall, cpu, peak = measure(command, folder)
            rows.append([what, f"{wall:.0f}", f"{cpu:.0f}", f"{peak:,.0f}"])
            print(rows[-1], file=sys.stderr, flush=True)
    print(f"{options.images:,} images in {CLASSES:,} folders")
    print(format_table(["step", "wall s", "CPU s", "peak MB"], rows))


def measure(command: Sequence[str], folder: Path) -> tuple[float, float, float]:
    """Wall and CPU seconds and the peak memory in MB of a process of Python, pages of mapped files among it."""
    started = time.perf_counter()
    env = {**os.environ, "ADVSWEEP_CACHE": str(folder / "cache")}
    process = subprocess.Popen([sys.executable, *command], env=env, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def make_images(folder: Path, count: int) -> None:
    """So many PNG files of random pixels; what an earlier call has made stays."""
    for label in range(CLASSES):
        place = folder / f"n{label:08d}"
        wanted = count // CLASSES + (label < count % CLASSES)
        if place.is_dir() and sum(1 for _ in os.scandir(place)) == wanted:
            continue
        place.mkdir(parents=True, exist_ok=True)
        draw = random.Random(label)
        for number in range(wanted):
            (place / f"{number:06d}.png").write_bytes(make_png(draw.randbytes(3 * SIZE**2)))


def make_png(pixels: bytes) -> bytes:
    """An RGB image of 8x8 pixels, given row by row."""
    width = 3 * SIZE
    rows = b"".join(b"\0" + pixels[first : first + width] for first in range(0, len(pixels), width))
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 0)),
        (b"IEND", b""),
    ]
    return HEADER + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
