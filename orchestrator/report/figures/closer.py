"""Figures that take more than rows: training curves, confusion matrices, confidence, images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orchestrator.report.closeup import ImageResults
from orchestrator.report.figures import make_file_name, save
from orchestrator.report.figures.style import (
    FAINT,
    INK,
    PALETTE,
    add_legend,
    escape_text,
    format_percent_axis,
    make_figure,
    pick_colours,
    set_heading,
    set_titles,
    wrap_text,
)
from orchestrator.report.gallery import Gallery
from orchestrator.report.gather import ReportData
from orchestrator.report.grouping import choose_groups
from orchestrator.report.payload import build_stage_curves
from orchestrator.report.study import STAGE_NAMES, Study
from tasks.evaluation.preview import AMPLIFIED
from tasks.kinds import MODEL_KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orchestrator.report.page import Look

MOST_NAMED = 20


def write_closer_figures(gathered: ReportData, looks: Sequence[Look], folder: Path, formats: Sequence[str]) -> None:
    """Draw what the artifacts of a few trials permit, beside the figures of the rows."""
    for look in looks:
        suffix = f"-{make_file_name(look.study.dataset)}" if len(looks) > 1 else ""
        drawn = {
            "training_curves": draw_training(look.study, gathered),
            "confusion_matrices": draw_confusion(look.closeups, look.classes, _attack(look.study)),
            "confidence": draw_confidence(look.closeups, _attack(look.study)),
            "images": draw_images(look.gallery, look.classes, _attack(look.study)),
        }
        for name, figure in drawn.items():
            if figure is not None:
                save(figure, folder, f"{name}{suffix}", formats)


def _attack(study: Study) -> str:
    """What stands above figures that show one attack."""
    return escape_text(f"{study.dataset}, {study.headline.label}", 90)


def draw_training(study: Study, gathered: ReportData) -> Figure | None:
    """A panel for each kind of stage that trains: accuracy over the epochs."""
    from matplotlib.ticker import MaxNLocator

    found = [entry for entry in build_stage_curves(study, gathered) if entry["kind"] == "accuracy"]
    kinds = [kind for kind in MODEL_KINDS if any(entry["stage"] == kind for entry in found)]
    if not kinds:
        return None
    figure, panels = make_figure(1.6 + 2.9 * len(kinds), 3.0, 1, len(kinds))
    colour, _ = choose_groups(study)
    levels = [level for level in ("shared", *colour.levels) if any(entry["g"] == level for entry in found)]
    colour_of = {**pick_colours(colour.levels), "shared": FAINT}
    styles = {"train accuracy": "-", "validation accuracy": (0, (4, 2)), "robust validation accuracy": (0, (1, 1.5))}
    for panel, kind in zip(panels, kinds, strict=True):
        for level in levels:
            for metric, dash in styles.items():
                line = [e for e in found if (e["stage"], e["g"], e["metric"]) == (kind, level, metric)]
                epochs = [entry["epoch"] for entry in line]
                panel.plot(epochs, [entry["mean"] for entry in line], color=colour_of[level], linestyle=dash,
                           marker="o", ms=3, lw=1.4)  # fmt: skip
                low, high = [entry["low"] for entry in line], [entry["high"] for entry in line]
                panel.fill_between(epochs, low, high, color=colour_of[level], alpha=0.12, linewidth=0)
        format_percent_axis(panel.yaxis)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        set_titles(panel, STAGE_NAMES[kind], "epoch", "accuracy" if panel is panels[0] else "")
    hues = [panels[0].plot([], [], color=colour_of[level], lw=2, label=escape_text(level))[0] for level in levels]
    shown = {entry["metric"] for entry in found}
    forms = [panels[0].plot([], [], color=INK, linestyle=dash, label=metric)[0]
             for metric, dash in styles.items() if metric in shown]  # fmt: skip
    add_legend(figure, colour.title, hues)
    add_legend(figure, "", forms, low=True)
    return figure


def draw_confusion(closeups: Sequence[ImageResults], classes: Sequence[str], title: str) -> Figure | None:
    """True class by predicted class before and after, a row of panels for each."""
    if not closeups:
        return None
    figure, panels = make_figure(0.6 + 2.7 * len(closeups), 5.6, 2, len(closeups))
    set_heading(figure, title)
    for place, closeup in enumerate(closeups):
        clean, adversarial = closeup.confusion(len(classes))
        _draw_matrix(panels[place], clean, classes, wrap_text(closeup.configuration.label, 34, 3))
        _draw_matrix(panels[place + len(closeups)], adversarial, classes, "")
    panels[0].set_ylabel("clean images\ntrue class", fontsize=8.5, color=INK)
    panels[len(closeups)].set_ylabel("adversarial images\ntrue class", fontsize=8.5, color=INK)
    for panel in panels[len(closeups) :]:
        panel.set_xlabel("predicted class", fontsize=8.5, color=INK)
    return figure


def _draw_matrix(panel: Axes, counts: NDArray[np.int64], classes: Sequence[str], title: str) -> None:
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    panel.grid(visible=False)
    panel.set_title(title, fontsize=7.5, color=INK, loc="left")
    if len(classes) > MOST_NAMED:
        return
    names = [escape_text(name, 12) for name in classes]
    panel.set_xticks(range(len(names)), names, fontsize=6.5, rotation=90 if max(map(len, names)) > 2 else 0)
    panel.set_yticks(range(len(names)), names, fontsize=6.5)
    for true, said in zip(*np.nonzero(counts), strict=True):
        ink = "white" if shares[true, said] > 0.5 else INK
        panel.text(said, true, str(counts[true, said]), ha="center", va="center", fontsize=5.5, color=ink)


def draw_confidence(closeups: Sequence[ImageResults], title: str) -> Figure | None:
    """Histograms of the confidence before and after."""
    if not closeups:
        return None
    figure, panels = make_figure(1.4 + 2.5 * len(closeups), 2.5, 1, len(closeups))
    set_heading(figure, title)
    sides = ("clean", PALETTE[0]), ("adversarial", PALETTE[1])
    for panel, closeup in zip(panels, closeups, strict=True):
        for (name, colour), values in zip(
            sides, (closeup.clean_confidence, closeup.adversarial_confidence), strict=True
        ):
            weights = np.full(len(values), 1 / len(values))
            panel.hist(values, bins=20, range=(0, 1), weights=weights, color=colour, alpha=0.55, label=name)
        format_percent_axis(panel.xaxis)
        format_percent_axis(panel.yaxis)
        set_titles(panel, "", "confidence", "share of images" if panel is panels[0] else "")
        panel.set_title(wrap_text(closeup.configuration.label, 32, 3), fontsize=7.5, color=INK, loc="left")
    add_legend(figure, "", panels[0].get_legend_handles_labels()[0])
    return figure


def draw_images(gallery: Gallery, classes: Sequence[str], title: str) -> Figure | None:
    """A row for each image: original, then adversarial image and amplified perturbation for each model."""
    if not gallery.attacked:
        return None
    rows, columns = len(gallery.index), 1 + 2 * len(gallery.attacked)
    figure, panels = make_figure(1.05 * columns, 0.5 + 1.2 * rows, rows, columns)
    set_heading(figure, title)
    first = gallery.attacked[0]
    for row in range(rows):
        line = panels[row * columns : (row + 1) * columns]
        _show(line[0], first.preview.clean[row], escape_text(classes[first.label[row]], 14), INK)
        for place, found in enumerate(gallery.attacked):
            held = found.said[row] == found.label[row]
            sure = f"{escape_text(classes[found.said[row]], 10)} ({100 * found.confidence[row]:.0f} %)"
            _show(line[1 + 2 * place], found.preview.adversarial[row], sure, "#1e7d43" if held else "#b3261e")
            _show(line[2 + 2 * place], found.preview.amplified[row], f"x {AMPLIFIED}", INK)
    panels[0].set_title("original", fontsize=6.5, color=INK)
    for place, found in enumerate(gallery.attacked):
        panels[1 + 2 * place].set_title(wrap_text(found.configuration.label, 30, 3), fontsize=6, color=INK, loc="left")
    return figure


def _show(panel: Axes, pixels: NDArray[np.float32], text: str, colour: str) -> None:
    image = np.moveaxis(pixels, 0, -1)
    panel.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    panel.grid(visible=False)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.spines[:].set_visible(False)
    panel.set_xlabel(text, fontsize=6.5, color=colour, labelpad=2)
