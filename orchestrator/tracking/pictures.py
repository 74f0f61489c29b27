"""One picture of attacked images: original, adversarial and the perturbation times ten, with what the model said."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.evaluation.preview import AMPLIFIED, Preview

TILE, GAP, LINE, MARGIN = 112, 6, 15, 88
"""Pixels: the side of an image, the space between, a line of text, the column of captions."""
RIGHT, WRONG, INK = (0, 110, 60), (190, 30, 30), (20, 20, 20)
LONGEST = 18
"""Characters of a class name that fit under an image."""


def compose_picture(preview: Preview, examples: pa.Table, classes: Sequence[str] = ()) -> bytes:
    """A PNG with a column for each image.

    :param examples: `schema.EXAMPLES` of the same stage.
    """
    from PIL import Image, ImageDraw, ImageFont

    rows = {row["index"]: row for row in examples.to_pylist()} if len(examples) else {}
    strips = [
        ("original", preview.clean),
        ("adversarial", preview.adversarial),
        (f"difference x{AMPLIFIED}", preview.amplified),
    ]
    count = len(preview.index)
    size = (MARGIN + count * (TILE + GAP), len(strips) * (TILE + LINE + GAP) + GAP)
    canvas = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(11)
    for line, (caption, images) in enumerate(strips):
        top = GAP + line * (TILE + LINE + GAP)
        draw.text((4, top + TILE // 2 - 6), caption, fill=INK, font=font)
        for column in range(count):
            left = MARGIN + column * (TILE + GAP)
            canvas.paste(_draw_tile(images[column]), (left, top))
            text, colour = _describe_prediction(rows.get(int(preview.index[column])), line, classes)
            draw.text((left, top + TILE + 1), text, fill=colour, font=font)
    sink = io.BytesIO()
    canvas.save(sink, "PNG", optimize=True)
    return sink.getvalue()


def _draw_tile(pixels: NDArray[np.float32]) -> Any:
    """An image [C, H, W] in [0, 1] at the size of a tile; small ones keep their pixels as squares."""
    from PIL import Image

    grey = len(pixels) != 3
    values = (np.clip(pixels, 0, 1) * 255).round().astype(np.uint8)
    image = Image.fromarray(values[0] if grey else np.moveaxis(values, 0, -1)).convert("RGB")
    small = max(image.size) <= TILE
    return image.resize((TILE, TILE), Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS)


def _describe_prediction(
    row: dict[str, Any] | None, line: int, classes: Sequence[str]
) -> tuple[str, tuple[int, int, int]]:
    """The prediction under the first two images, and its colour; the size of the perturbation under the third."""
    if row is None:
        return "", INK
    if line == 2:
        return f"Linf {row['linf']:.3f}  L2 {row['l2']:.2f}", INK
    when = ("clean", "adversarial")[line]
    prediction = row[f"{when}_prediction"]
    text = f"{_name_class(prediction, classes)} {row[f'{when}_confidence']:.0%}"
    return text, RIGHT if prediction == row["label"] else WRONG


def _name_class(number: int, classes: Sequence[str]) -> str:
    name = str(classes[number]) if number < len(classes) else str(number)
    printable = "".join(letter if letter.isprintable() else "?" for letter in name)
    return printable if len(printable) <= LONGEST else f"{printable[: LONGEST - 1]}…"
