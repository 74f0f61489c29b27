"""Sweeps and trials as users name them: by an id, or by the beginning of one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from tasks.errors import UsageError, list_choices

MOST_SHOWN = 5
"""Ids that a message lists."""
SHORTEST = 7
"""Characters of a shortened id."""


def resolve_id(name: str, known: Iterable[str], kind: str, place: str, *, none: str = "", whole: bool = False) -> str:
    """The id that is meant by a name: the same, or the only one that begins so; a whole name of a space comes first.

    :param kind: `sweep` or `trial`, for messages.
    :param place: where they are, for messages, such as `in results`.
    :param none: what to do where there are none at all.
    :param whole: take no beginning: the id decides what is removed.
    :raises UsageError: the name is blank, as an unset variable of a shell is; or none or several ids are meant.
    """
    ids = list(dict.fromkeys(known))
    if not name.strip():
        raise UsageError(f"the id of a {kind} is empty: is a variable of the shell unset?")
    if name in ids:
        return name
    found = [] if whole else [each for each in ids if each.startswith(name)]
    found = [each for each in found if each.startswith(f"{name}-")] or found  # `digits` is not `digits2-...`
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{len(found)} {kind}s {place} begin with {name!r}: {_list_some(found)}")
    if not ids:
        raise UsageError(f"there is no {kind} {name!r} {place}{none}")
    beginning = "; a whole id is wanted here" if whole and any(each.startswith(name) for each in ids) else ""
    choices = list_choices(ids, name) if len(ids) <= MOST_SHOWN or kind == "sweep" else f"it has {len(ids)} others"
    raise UsageError(f"there is no {kind} {name!r} {place}{beginning}; {choices}")


def shorten_ids(ids: Iterable[str]) -> dict[str, str]:
    """Each id by the shortest beginning that none of the others has, as commands take it."""
    ordered = sorted(set(ids))
    found = {}
    for place, each in enumerate(ordered):
        beside = [*ordered[max(0, place - 1) : place], *ordered[place + 1 : place + 2]]
        shared = max((_count_common_start(each, other) for other in beside), default=0)
        found[each] = each[: max(SHORTEST, shared + 1)]
    return found


def _count_common_start(one: str, other: str) -> int:
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _list_some(ids: list[str]) -> str:
    return ", ".join(sorted(ids)[:MOST_SHOWN]) + (", ..." if len(ids) > MOST_SHOWN else "")
