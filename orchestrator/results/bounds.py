"""Attacks and certificates apart: an upper and a lower bound of one accuracy are never mixed."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.trial.row import Row


def is_lower_bound(row: Row) -> bool:
    """Whether robust accuracy is certified: what no attack can undercut. Earlier versions had attacks alone."""
    return bool(row["bound"] == "lower")


def select_attacks(rows: Sequence[Row]) -> list[Row]:
    """The rows whose robust accuracy an attack has left: an upper bound."""
    return [row for row in rows if not is_lower_bound(row)]


def select_certificates(rows: Sequence[Row]) -> list[Row]:
    """The rows whose robust accuracy is certified: a lower bound."""
    return [row for row in rows if is_lower_bound(row)]
