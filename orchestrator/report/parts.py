"""Small drawings inside the page: bars of intervals, confusion matrices, the table of images."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from orchestrator.report.closeup import ImageResults
from orchestrator.report.effects import Effect
from orchestrator.report.gallery import AttackedImages, Gallery
from orchestrator.results.statistics import Interval

MOST_CLASSES = 20
"""A larger matrix is no longer read cell by cell: its most frequent confusions are listed instead."""
LISTED = 12
SMALLEST = 76
"""Pixels of an image on the page."""


def group_effects(found: Sequence[Effect]) -> list[Mapping[str, Any]]:
    """The tables of effects: of the training on clean and on robust accuracy, then of the attack."""
    groups = [
        ("clean accuracy: every comparison", [e for e in found if not e.of_attack and e.measure == "clean accuracy"]),
        ("robust accuracy: every comparison", [e for e in found if not e.of_attack and e.measure != "clean accuracy"]),
        ("settings of the attack: every comparison", [e for e in found if e.of_attack]),
    ]
    return [
        {"title": title, "effects": effects, "widest": _find_widest(effects)} for title, effects in groups if effects
    ]


def _find_widest(found: Sequence[Effect]) -> float:
    """The largest difference that a bar has to show."""
    ends = [
        abs(end)
        for effect in found
        if effect.paired
        for end in (effect.paired.interval.low, effect.paired.interval.high, effect.paired.interval.mean)
        if end is not None
    ]
    return min(1.0, max(ends, default=1.0)) or 1.0


def draw_effect_bar(effect: Effect, widest: float) -> Markup:
    """The interval of an effect around zero, as SVG."""
    if not effect.paired:
        return Markup("")
    interval = effect.paired.interval
    kind = "" if effect.verdict == "real" else "noise"

    def at(value: float) -> str:
        return f"{85 + 80 * max(-1.0, min(1.0, value / widest)):.1f}"

    line = Markup("")
    if interval.low is not None and interval.high is not None:
        line = Markup('<line class="range {}" x1="{}" x2="{}" y1="7" y2="7"/>').format(
            kind, at(interval.low), at(interval.high)
        )
    return Markup(
        '<svg class="bar" viewBox="0 0 170 14" role="img"><line class="axis" x1="85" x2="85" y1="0" y2="14"/>{}'
        '<circle class="{}" cx="{}" cy="7" r="4"/></svg>'
    ).format(line, kind, at(interval.mean))


def build_image_view(closeup: ImageResults, classes: Sequence[str]) -> Mapping[str, Any]:
    """What the template shows of one configuration."""
    clean, adversarial = closeup.confusion(len(classes))
    before, after = closeup.confidence
    return {
        "label": closeup.configuration.label,
        "before": _with_interval(before),
        "after": _with_interval(after),
        "matrices": [
            ("clean images", render_confusion_matrix(clean, classes)),
            ("adversarial images", render_confusion_matrix(adversarial, classes)),
        ],
    }


def _with_interval(found: Interval) -> str:
    if found.low is None or found.high is None:
        return f"{100 * found.mean:.1f} %"
    return f"{100 * found.mean:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"


def render_confusion_matrix(counts: NDArray[np.int64], classes: Sequence[str]) -> Markup:
    """A confusion matrix as a table: shares of each true class as shades, counts as numbers."""
    if len(classes) > MOST_CLASSES:
        return _list_confusions(counts, classes)
    head = Markup("").join(Markup('<th title="{0}">{0}</th>').format(name) for name in classes)
    lines = []
    for name, row in zip(classes, counts, strict=True):
        total = max(1, int(row.sum()))
        cells = Markup("").join(_render_cell(int(count), int(count) / total) for count in row)
        lines.append(Markup('<tr><th title="{0}">{0}</th>{1}</tr>').format(name, cells))
    body = Markup("").join(lines)
    return Markup('<div class="scroll"><table class="matrix"><tr><th></th>{}</tr>{}</table></div>').format(head, body)


def _render_cell(count: int, share: float) -> Markup:
    return Markup('<td style="background:rgba(var(--mark),{:.2f})">{}</td>').format(0.04 + 0.8 * share, count or "")


def _list_confusions(counts: NDArray[np.int64], classes: Sequence[str]) -> Markup:
    """The most frequent mistakes, as a list."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    places = np.argsort(wrong, axis=None)[::-1][:LISTED]
    found = [(int(place) // len(classes), int(place) % len(classes)) for place in places]
    lines = [
        Markup('<tr><td>{}</td><td>{}</td><td class="number">{}</td></tr>').format(
            classes[true], classes[said], wrong[true, said]
        )
        for true, said in found
        if wrong[true, said]
    ]
    head = Markup("<tr><th>true</th><th>said</th><th>images</th></tr>")
    return Markup('<div class="scroll"><table>{}{}</table></div>').format(head, Markup("").join(lines))


def build_gallery_view(gallery: Gallery, classes: Sequence[str]) -> Mapping[str, Any]:
    """The table of images: a row for each, two columns for each model."""
    rows = []
    for place in range(len(gallery.index)):
        first = gallery.attacked[0]
        cells = [_build_attacked_view(found, place, classes) for found in gallery.attacked]
        rows.append(
            {"image": encode_picture(first.preview.clean[place]), "label": classes[first.label[place]], "cells": cells}
        )
    labels = [found.configuration.label for found in gallery.attacked]
    return {"note": gallery.note, "labels": labels, "rows": rows}


def _build_attacked_view(found: AttackedImages, place: int, classes: Sequence[str]) -> Mapping[str, Any]:
    return {
        "adversarial": encode_picture(found.preview.adversarial[place]),
        "perturbation": encode_picture(found.preview.amplified[place]),
        "said": classes[found.said[place]],
        "sure": f"({100 * found.confidence[place]:.0f} %)",
        "held": found.said[place] == found.label[place],
    }


def encode_picture(pixels: NDArray[np.float32]) -> str:
    """[C, H, W] in [0, 1] as a PNG in a data URI, pixel by pixel; large images at the size of the page."""
    from PIL import Image

    bytes_ = (np.clip(pixels, 0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    image = Image.fromarray(bytes_.squeeze(2) if bytes_.shape[2] == 1 else bytes_)
    if max(image.size) > 2 * SMALLEST:
        image.thumbnail((2 * SMALLEST, 2 * SMALLEST))
    sink = io.BytesIO()
    image.save(sink, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(sink.getvalue()).decode()
