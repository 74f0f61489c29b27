"""No change of one of our own parts goes by unseen: its version is raised, or it is said to be harmless."""

from __future__ import annotations

import json
from pathlib import Path

from tests.part_digests import KEPT, find_unexplained, hash_code, read_parts

HOW = (
    "raise the version (`revision` of an attack, else VERSIONS in tasks/trial/chain.py) where the same settings now "
    "give another outcome, with new golden keys and a line in CHANGELOG.md; then, or where they do not, `make digests`"
)


def test_every_change_of_a_part_is_explained() -> None:
    found = find_unexplained(json.loads(KEPT.read_text()), read_parts())
    assert not found, "\n".join([*found, HOW])


def test_what_is_new_gone_changed_or_raised_is_found() -> None:
    kept: dict[str, list[object]] = {"a": [1, "x"], "b": [1, "x"], "c": [1, "x"], "d": [1, "x"]}
    now: dict[str, list[object]] = {"a": [1, "x"], "b": [1, "y"], "c": [2, "y"], "e": [1, "x"]}
    assert find_unexplained(kept, now) == [
        "b: its code has changed and its version has not",
        "c: its version is 2, and 1 is kept",
        "d is gone",
        "e is new",
    ]


def test_a_comment_is_no_change_and_a_constant_is(tmp_path: Path) -> None:
    file = tmp_path / "part.py"
    digests = []
    for text in ("x = 1\n", "# why\nx = 1  \n\n", "x = 2\n"):
        file.write_text(text)
        digests.append(hash_code([file]))
    assert digests[0] == digests[1] != digests[2]
