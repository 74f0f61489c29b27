"""The attacks of one norm and budget on one model, held against each other image by image."""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from orchestrator.results.bounds import select_attacks
from orchestrator.results.config_part import format_part
from orchestrator.results.eps import measure_eps
from orchestrator.results.image_reader import ReadRobust, Robust
from orchestrator.results.randomness import answers_at_random
from tasks.attacks.registry import find_attack
from tasks.evaluation.settings import AttackSettings
from tasks.trial.row import Row


class WorstCase(NamedTuple):
    """What withstands every attack of a budget."""

    correct: int
    examples: int
    """The images that all of these attacks saw: a rate is of these, and of no others."""

    @property
    def rate(self) -> float:
        """Robust accuracy."""
        return self.correct / self.examples


class Discordance(NamedTuple):
    """How two attacks on the same images disagree."""

    only_first: int
    """Images that withstand the first attack alone."""
    only_second: int


@dataclass(frozen=True)
class Budget:
    """Finished rows of one model, one norm and one budget; some may be of fewer images."""

    rows: Sequence[Row]
    read: ReadRobust

    def compare(self, first: Row, second: Row) -> Discordance | None:
        """Null where the images of one of them are not known and their counts do not tell.

        Of two attacks that walk one trajectory, the longer fools every image that the shorter fools.
        """
        if identify_run(first) is not None and identify_run(first) == identify_run(second):
            ahead = first["robust_correct"] - second["robust_correct"]
            return Discordance(max(ahead, 0), max(-ahead, 0))
        one, other = self.read(first), self.read(second)
        if one is None or other is None:
            return None
        shared = one.keys() & other.keys()
        only = sum(one[place] and not other[place] for place in shared)
        return Discordance(only, sum(other[place] and not one[place] for place in shared))

    @functools.cached_property
    def counted(self) -> list[Row]:
        """The attacks that the worst case is over."""
        return select_counted(self.rows)

    @functools.cached_property
    def worst_case(self) -> WorstCase | None:
        """Of the images that every counted attack saw, those that withstand all; null where the images of one are not
        known, no image was seen by all, or the model answers at random: several draws would add up."""
        if is_of_one_attack(self.rows):
            return None
        longest = self._select_longest()
        if len(longest) == 1:
            return WorstCase(int(longest[0]["robust_correct"]), int(longest[0]["examples"]))
        left = self.survivors
        return WorstCase(sum(left.values()), len(left)) if left else None

    @functools.cached_property
    def survivors(self) -> Robust | None:
        """Of each image that every counted attack saw, whether it withstands all; null where the images of one are not
        known."""
        found = [self.read(row) for row in self._select_longest()]
        known = [robust for robust in found if robust is not None]
        if len(known) < len(found):
            return None
        seen = [place for place in known[0] if all(place in robust for robust in known)]
        left = np.all([_line_up(robust, seen) for robust in known], axis=0)
        return dict(zip(seen, left.tolist(), strict=True))

    def count_above(self, row: Row) -> int:
        """How many images withstand a counted attack and not all of them together, as far as it is known."""
        worst = self.worst_case
        if worst is None:
            return 0
        if row["examples"] == worst.examples:
            return int(row["robust_correct"]) - worst.correct
        robust, left = self.read(row), self.survivors
        return sum(robust.get(place, False) and not left[place] for place in left) if robust and left else 0

    def _select_longest(self) -> list[Row]:
        """The counted attacks; of one trajectory its end."""
        strongest: dict[object, Row] = {}
        for row in self.counted:
            run = identify_run(row) or row["trial_id"]
            kept = strongest.get(run)
            if kept is None or row["robust_correct"] < kept["robust_correct"]:
                strongest[run] = row
        return list(strongest.values())


def select_counted(rows: Sequence[Row]) -> list[Row]:
    """The attacks that a worst case is over. Few images tell little, so that one on less than half as many as another
    saw is left out; so is one on images that are seen rightly alone beside one on all.

    :param rows: of one model and budget.
    """
    alike = [row for row in rows if not row["only_correct"]] or rows
    most = max((row["examples"] for row in alike), default=0)
    return [row for row in alike if 2 * row["examples"] >= most]


def find_worst_case(rows: Sequence[Row]) -> WorstCase:
    """The one rule of every view, by the columns of finished rows: on the images that every counted attack saw, those
    that withstand all of them; before the images were compared, what the strongest attack leaves of its own. So also
    where the model answers at random: each attack is judged by a draw of its own, and what withstands every draw falls
    with their number, however weak they are.

    :param rows: of one model and budget, one or more.
    """
    counted = select_counted(rows)
    alone = [WorstCase(row["robust_correct"], row["examples"]) for row in counted]
    if known := _read_worst_cases(counted):
        together = min(known, key=lambda found: (found.examples, found.correct))
        alone = [found for found in alone if found.examples == together.examples]  # that came after the comparison
        return min([together, *alone], key=lambda found: found.rate)
    return min(alone, key=lambda found: (found.rate, -found.examples))


def _read_worst_cases(counted: Sequence[Row]) -> list[WorstCase]:
    """What was stored when the grid was finished. Earlier versions compared attacks on equally many images alone, and
    random answers too."""
    alike = len({row["examples"] for row in counted}) == 1
    stored = [
        WorstCase(row["worst_case_correct"], row["worst_case_examples"] or row["examples"])
        for row in counted
        if row["worst_case_correct"] is not None and (alike or row["worst_case_examples"] is not None)
    ]
    return [] if stored and is_of_one_attack(counted) else stored


def is_of_all_attacks(rows: Sequence[Row]) -> bool:
    """Whether `find_worst_case` tells what all counted attacks leave together: they were compared, there is one, or the
    longest of one trajectory fools whatever the others do. Before that it is what the strongest leaves.

    :param rows: of one model and budget.
    """
    counted = select_counted(rows)
    runs = {identify_run(row) or row["trial_id"] for row in counted}
    return len(runs) == 1 or bool(_read_worst_cases(counted))


def is_of_one_attack(rows: Sequence[Row]) -> bool:
    """Whether the worst case is what the strongest of several attacks leaves by itself, as the model answers at random.

    :param rows: of one model and budget.
    """
    counted = select_counted(rows)
    return len(counted) > 1 and any(map(answers_at_random, counted))


def describe_scope(rows: Sequence[Row]) -> str:
    """What the worst case is a rate of, where that is not all attacks of the budget on the same images; else empty.

    :param rows: of one model and budget, one or more.
    """
    alone = ["of a model that answers at random the strongest alone"] if is_of_one_attack(rows) else []
    return ", ".join(filter(None, [_describe_images(rows), *alone]))


def _describe_images(rows: Sequence[Row]) -> str:
    counted = select_counted(rows)
    found = [f"on {find_worst_case(rows).examples} images"] if len({row["examples"] for row in rows}) > 1 else []
    if len({row["examples"] for row in counted}) > 1:
        found = [f"{found[0]} that {'all of them' if _read_worst_cases(counted) else 'the strongest'} saw"]
    names = {row["trial_id"] for row in counted}
    fewer = [row for row in rows if row["trial_id"] not in names]
    left_out = sorted({f"{row['attack']} on {row['examples']}{_note_choice(row, counted)}" for row in fewer})
    return ", ".join([*found, *([f"without {' and '.join(left_out)}"] if left_out else [])])


def _note_choice(row: Row, counted: Sequence[Row]) -> str:
    return " that are seen rightly" if row["only_correct"] and not counted[0]["only_correct"] else ""


def is_lowered(kept: Budget, budget: Budget) -> bool | None:
    """Whether attacks that are left out fool an image which all that are kept leave; null where the images of one are
    not known, and of a model that answers at random.

    :param kept: some of the attacks of the budget.
    """
    if is_of_one_attack(budget.rows) or kept.survivors is None or budget.survivors is None:
        return None
    return any(kept.survivors.get(place, False) and not left for place, left in budget.survivors.items())


def _line_up(robust: Robust, places: Sequence[int]) -> NDArray[np.bool_]:
    return np.array([robust[place] for place in places], np.bool_)


def group_budgets(group: Sequence[Row], read: ReadRobust) -> list[Budget]:
    """The budgets above zero of one model; attacks without a budget have none, and certificates are no attacks."""
    found: dict[tuple[str, float | None], list[Row]] = defaultdict(list)
    for row in select_attacks(group):
        if row["attack_eps"]:
            found[row["attack_norm"], measure_eps(row)].append(row)
    return [Budget(rows, read) for rows in found.values()]


def identify_run(row: Row) -> str | None:
    """Names the trajectory that an attack is read off, if a longer run of it fools whatever a shorter one fools."""
    return _identify_run(format_part(row, _choose_attack))


def _choose_attack(config: dict[str, Any]) -> Any:
    return config["attack"]


@functools.lru_cache(maxsize=65536)
def _identify_run(section: str) -> str | None:
    content = json.loads(section)
    attack = find_attack(content.get("name"))
    if attack is None or not attack.shares_steps:
        return None
    try:
        settings = AttackSettings.model_validate(content)
    except ValidationError:
        return None
    return settings.shared_text if settings.stop_when_fooled and settings.surrogate is None else None
