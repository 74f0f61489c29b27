"""What is certified where no attack was run: lower bounds alone, which answer no question about a trade-off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.report.analysis.studies import identify_classifier
from orchestrator.results.bounds import select_attacks, select_certificates
from orchestrator.results.listing import Listing
from orchestrator.results.pivot import build_pivot
from orchestrator.results.pivot_listing import describe_pivot, list_pivot
from orchestrator.results.verdict_notes import VerdictNotes
from tasks.trial.row import Row


@dataclass(frozen=True)
class CertificateTable:
    """The certificates of a data set: a line for each way to make a model, a column for each budget."""

    dataset: str
    method: str
    """What the models have in common, and what certified them."""
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    best: tuple[str, ...]
    """In words: for each budget the model of which most is certified."""


def build_certificate_tables(rows: Sequence[Row]) -> list[CertificateTable]:
    """A table for each data set with finished certificates of classifiers that no finished attack met, by name: a
    smoothed model is another classifier than the bare one."""
    finished = [row for row in rows if row["status"] == "finished"]
    attacked = {identify_classifier(row) for row in select_attacks(finished)}
    alone = [row for row in select_certificates(finished) if identify_classifier(row) not in attacked]
    certified = sorted(alone, key=lambda row: str(row["trial_id"]))
    names = sorted({row["dataset"] for row in certified})
    return [_build_table(name, [row for row in certified if row["dataset"] == name]) for name in names]


def _build_table(dataset: str, rows: Sequence[Row]) -> CertificateTable:
    pivot = build_pivot(rows)
    listing = list_pivot(pivot, VerdictNotes([]))
    headings = tuple(column.heading for column in listing.columns if column.heading is not None)
    lines = tuple(tuple(texts) for _, texts in listing.lines)
    best = tuple(_describe_best(listing, len(pivot.axes), threat.label) for threat in pivot.threats.values())
    return CertificateTable(dataset, "; ".join(describe_pivot(pivot)), headings, lines, best)


def _describe_best(listing: Listing, axes: int, label: str) -> str:
    """:param axes: how many columns say how a model is made; they come first."""
    headings = [column.heading for column in listing.columns if column.heading is not None]
    _, texts = listing.sort(label).lines[0]
    settings = ", ".join(f"{headings[place]} {texts[place]}" for place in range(axes))
    share = f"{texts[headings.index(label)]} %, {texts[headings.index('clean')]} % clean"
    return f"{label}: {share}{f' ({settings})' if settings else ''}"
