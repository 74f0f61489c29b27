"""Texts that are kept in `tests/kept`: what a command prints or a page draws, whole."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from tests.support.checkout import ROOT

KEPT = ROOT / "tests" / "kept"
TOKEN = re.compile(r"(?<![0-9a-zA-Z.])[0-9a-f]{6,64}(?![0-9a-zA-Z.])")
LONG = re.compile(r"-?\d+\.\d{7,}(?:e-?\d+)?")


def hide_ids(text: str, known: Iterable[str]) -> str:
    """Ids by the order in which they come, and numbers to six digits.

    :param known: ids, of which the text may have the beginnings.
    """
    ids, seen = sorted(set(known)), dict[str, str]()

    def name(found: re.Match[str]) -> str:
        whole = next((one for one in ids if one.startswith(found[0])), None)
        return found[0] if whole is None else seen.setdefault(whole, f"id{len(seen)}".ljust(len(found[0])))

    return LONG.sub(lambda found: f"{float(found[0]):.6g}", TOKEN.sub(name, text))


def expect_kept(name: str, text: str, known: Iterable[str] = ()) -> None:
    """The text is the one that is kept under this name, but for ids.

    Where it is meant to be another, remove the file: the next run writes it anew and fails once more.
    """
    file = KEPT / name
    now = [line.rstrip() for line in hide_ids(text, known).rstrip().splitlines()]
    if not file.exists():
        file.write_text("\n".join(now) + "\n")
        raise AssertionError(f"{file} was missing and is written: look at it, and run the test again")
    difference = list(difflib.unified_diff(file.read_text().splitlines(), now, "kept", "now", lineterm="", n=1))
    assert difference == [], "\n".join([f"{name}: remove it where the text is meant to be another", *difference[:60]])
