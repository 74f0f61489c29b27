"""The pivot as a table: headings, numbers with their marks, and what stands above it."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.results.bounds import select_attacks, select_certificates
from orchestrator.results.checks.verdict import find_worst
from orchestrator.results.listing import Column, Listing
from orchestrator.results.model_axes import TRAINING_AXES
from orchestrator.results.pivot import Pivot, PivotLine, Settings, name_attack
from orchestrator.results.tradeoff import HEADINGS, format_setting
from orchestrator.results.verdict_notes import VerdictNotes
from tasks.trial.row import Row


def list_pivot(pivot: Pivot, notes: VerdictNotes) -> Listing:
    """The pivot as lines.

    :param notes: makes the mark that stands beside a number.
    """
    columns = [Column(axis, HEADINGS.get(axis, axis)) for axis in pivot.axes]
    columns += [Column("seeds", "seeds"), Column("images", "images")]
    columns += [Column("clean_accuracy", "clean", measured=True), Column("clean_accuracy_deviation", None)]
    for key, threat in pivot.threats.items():
        heading = f"{threat.label}{_note_images(pivot, key)}"
        columns += [
            Column(f"robust_accuracy {threat.name}", heading, measured=True, short=threat.label),
            Column(f"robust_accuracy_deviation {threat.name}", None),
            Column(f"verdict {threat.name}", None),
        ]
    return Listing(columns, [_list_line(pivot, line, notes) for line in pivot.lines], unit="lines")


def _note_images(pivot: Pivot, key: Settings) -> str:
    """` on 20`, where a column is of other images than its lines say; ` on 20 that are seen rightly` where clean
    accuracy beside it is of all."""
    lines = [line for line in pivot.lines if line.cells.get(key)]
    found = [(max(row["examples"] for row in line.cells[key]), _count_images(line)) for line in lines]
    rightly = any(line.cells[key][0]["only_correct"] and not line.clean[0]["only_correct"] for line in lines)
    if not rightly and all(examples == images for examples, images in found):
        return ""
    seen = sorted(examples for examples, _ in found)
    images = f" on {seen[0]}" if seen[0] == seen[-1] else f" on {seen[0]} to {seen[-1]}"
    return f"{images} that are seen rightly" if rightly else images


def _count_images(line: PivotLine) -> int:
    return max(int(row["examples"]) for row in line.clean)


def _list_line(pivot: Pivot, line: PivotLine, notes: VerdictNotes) -> tuple[list[Any], list[str]]:
    seeds = len({row["seed"] for group in (line.clean, *line.cells.values()) for row in group})
    images = _count_images(line)
    values = [*line.settings, seeds, images, *_summarize(line.clean, "clean_accuracy")]
    texts = [format_setting(axis, value) for axis, value in zip(pivot.axes, line.settings, strict=True)]
    texts += [str(seeds), str(images), format_number(line.clean, "clean_accuracy")]
    for key in pivot.threats:
        group = line.cells.get(key, ())
        verdict = find_worst([row["verdict"] for row in group]) if group else None
        values += [*_summarize(group, "robust_accuracy"), verdict]
        texts.append(" ".join(filter(None, [format_number(group, "robust_accuracy"), notes.mark(group)])))
    return values, texts


def _summarize(rows: Sequence[Row], measure: str) -> tuple[float | None, float | None]:
    """Mean and standard deviation over seeds."""
    values = [row[measure] for row in rows]
    return statistics.fmean(values) if values else None, statistics.stdev(values) if len(values) > 1 else None


def format_number(rows: Sequence[Row], measure: str) -> str:
    """`97.40 ± 0.21` in per cent; without the spread where there is one seed, a dash where there is none."""
    mean, deviation = _summarize(rows, measure)
    if mean is None:
        return "-"
    return f"{100 * mean:.2f}" + ("" if deviation is None else f" ± {100 * deviation:.2f}")


def describe_pivot(pivot: Pivot) -> Iterator[str]:
    """What stands above the table: what never changes, and what its numbers are."""
    fixed = [axis for axis in TRAINING_AXES if len({row[axis] for row in pivot.rows}) == 1]
    settings = [f"{axis} {format_setting(axis, value)}" for axis in fixed if (value := pivot.rows[0][axis]) is not None]
    if settings:
        yield ", ".join(settings)
    steps: dict[str, set[int]] = defaultdict(set)
    for line in pivot.lines:
        for row in select_attacks([row for group in line.cells.values() for row in group]):
            steps[" ".join(filter(None, [name_attack(row), row["attack_norm"]]))].add(row["attack_steps"] or 0)
    attacks = [f"{name} ({_format_steps(found)})" if any(found) else name for name, found in sorted(steps.items())]
    certificates = sorted({str(row["attack"]) for row in select_certificates(pivot.rows)})
    bounds = ["an upper bound", "a lower bound"] if attacks and certificates else ["", ""]
    words = [("robust under", attacks, bounds[0]), ("certified by", certificates, bounds[1])]
    parts = ["clean", *(f"{verb} {', '.join(names)}{kind and f' ({kind})'}" for verb, names, kind in words if names)]
    spread = ", mean ± standard deviation over seeds" if len({row["seed"] for row in pivot.rows}) > 1 else ""
    yield f"% of the test images: {', and '.join(parts)}{spread}"


def _format_steps(found: set[int]) -> str:
    least, most = min(found), max(found)
    return f"{most} step{'s' if most > 1 else ''}" if least == most else f"{least} to {most} steps"
