"""Fill the tables of docs/attacks.md that smallest perturbations stand in from what was measured.

    python -m benchmarks columns --found benchmarks/recorded/smallest.jsonl --page docs/attacks.md

The tables of attacks beside their peers and of the best of each side, and in the table of all attacks the columns of
optimality and seconds. What is found comes from what `python -m benchmarks smallest --keep` wrote; seconds come from
there and from the table of `python -m benchmarks attack` that stands on the page itself.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from benchmarks.smallest_outcomes import (
    NORMS,
    OURS,
    Outcome,
    find_best,
    group_outcomes,
    read_outcomes,
    score_sizes,
)
from benchmarks.smallest_tables import format_table, tabulate

HEADER = "| `name` |"
COLUMNS = ("optimality, in brackets that of the best peer", "times as long as ours the fastest peer takes")
CASES = {
    "fgsm": ("FGSM, eps", "FGSM, one batch"), "ifgsm": ("I-FGSM",), "mifgsm": ("MI-FGSM",),
    "pgd": ("PGD, eps", "PGD, targeted"), "sparse_l1": ("Sparse L1",), "jsma": ("JSMA, targeted",),
    "carlini_wagner": ("Carlini-Wagner",), "ead": ("EAD",),
    "deepfool": ("DeepFool",), "autoattack": ("AutoAttack",), "square": ("Square",), "fab_t": ("FAB-T",),
    "apgd_ce": ("APGD-CE",), "apgd_t": ("APGD-T",),
}  # fmt: skip
"""Name of an attack -> how its cases in the table of the `attack` benchmark begin."""
NO_SIZE, NO_PEER = "†", "‡"
"""What stands for an attack without a smallest perturbation, and for one that was timed beside no peer."""
NO_PEERS = {"AutoAttack": ("torchattacks",)}
"""Beginning of a case -> what does less work under that name."""


def main(arguments: list[str]) -> int:
    """Returns 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks columns", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--found", type=Path, required=True, help="JSON lines of `python -m benchmarks smallest`")
    parser.add_argument("--page", type=Path, default=Path("docs/attacks.md"))
    asked = parser.parse_args(arguments)
    page = asked.page.read_text("utf-8")
    asked.page.write_text(fill_page(page, list(read_outcomes(asked.found).values())), "utf-8")
    return 0


def fill_page(page: str, outcomes: list[Outcome]) -> str:
    """The page with all of these tables written anew.

    :param page: Markdown; a table that it lacks is left out.
    """
    for header, rows in tabulate(outcomes).items():
        table = format_table(header, rows)
        lines = page.splitlines()
        if table[0] in lines:
            begin = lines.index(table[0])
            end = next((n for n in range(begin, len(lines)) if not lines[n].startswith("|")), len(lines))
            page = "\n".join([*lines[:begin], *table, *lines[end:]]) + "\n"
    return fill_columns(page, outcomes)


def fill_columns(page: str, outcomes: list[Outcome]) -> str:
    """The page with the last two columns of its first table of attacks written anew.

    :param page: Markdown in which that table begins with `HEADER`.
    """
    optimality, ratios = describe_optimality(outcomes), read_ratios(page)
    for name, found in compare_seconds(outcomes).items():
        ratios.setdefault(name, []).extend(found)
    lines, inside = page.splitlines(), False
    for number, line in enumerate(lines):
        inside = line.startswith("|") and (inside or line.startswith(HEADER))
        if not inside:
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith(HEADER):
            kept = cells.index(COLUMNS[0]) if COLUMNS[0] in cells else len(cells)
            more: Iterable[str] = COLUMNS
        elif set(line) <= set("|-"):
            lines[number] = "|" + "---|" * (kept + len(COLUMNS))
            continue
        else:
            name = cells[0].split("`")[1]
            more = (optimality.get(name, NO_SIZE), describe_ratios(ratios.get(name, [])))
        lines[number] = "| " + " | ".join([*cells[:kept], *more]) + " |"
    return "\n".join(lines) + "\n"


def describe_optimality(outcomes: list[Outcome]) -> dict[str, str]:
    """Name of an attack -> for each norm its optimality in the mean, and the best that a peer's has, over the subjects
    on which all of its peers ran that ran beside ours at all."""
    scores: dict[tuple[str, str], dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for group in group_outcomes(outcomes):
        best = find_best(group)
        for outcome in group:
            asked = outcome.asked
            scores[asked.attack, asked.norm][asked.by][asked.subject] = score_sizes(outcome.sizes, best)
    cells: dict[str, list[str]] = defaultdict(list)
    for attack, norm in sorted(scores, key=lambda key: NORMS.index(key[1])):
        peers = dict(scores[attack, norm])
        if ours := peers.pop(OURS, None):
            beside = [{name: found[name] for name in ours.keys() & found.keys()} for found in peers.values()]
            cells[attack].append(f"{norm} {_compare_means(ours, [found for found in beside if found])}")
    return {attack: ", ".join(found) for attack, found in cells.items()}


def _compare_means(ours: Mapping[str, float], peers: list[dict[str, float]]) -> str:
    """The mean of ours, and the best of the peers' means, over the subjects on which each of them ran.

    Without a peer, or where no subject has them all, the mean of ours over all subjects and nothing beside.

    :param ours: subject -> optimality, as each of `peers`.
    """
    shared = sorted(ours.keys() & set.intersection(*(set(found) for found in peers))) if peers else []
    if not shared:
        return f"{statistics.fmean(ours.values()):.2f}"
    mine, theirs = (
        max(statistics.fmean(found[subject] for subject in shared) for found in side) for side in ([ours], peers)
    )
    return f"{mine:.2f} ({theirs:.2f})"


def compare_seconds(outcomes: list[Outcome]) -> dict[str, list[float]]:
    """Name of an attack -> seconds of the fastest peer over ours, for each subject and norm that has a peer."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for group in group_outcomes(outcomes):
        for ours in group:
            theirs = [
                outcome.seconds for outcome in group
                if outcome.asked.attack == ours.asked.attack and outcome.asked.by != OURS
            ]  # fmt: skip
            if ours.asked.by == OURS and theirs:
                ratios[ours.asked.attack].append(min(theirs) / ours.seconds)
    return ratios


def read_ratios(page: str) -> dict[str, list[float]]:
    """Name of an attack -> the ratio of the fastest peer for each subject and case, from `attack`.

    :param page: Markdown with lines of `| subject | attack | images | peer | ... | ratio | target |`.
    """
    fastest: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != len(_CROSS_CHECK) or not _is_number(cells[8]):
            continue
        subject, case, peer, ratio = cells[0], cells[1], cells[3], float(cells[8])
        for name, begins in CASES.items():
            excluded = any(case.startswith(other) and peer in peers for other, peers in NO_PEERS.items())
            if case.startswith(begins) and not excluded:
                key = (subject, case)
                fastest[name][key] = min(ratio, fastest[name].get(key, np.inf))
    return {name: list(found.values()) for name, found in fastest.items()}


def describe_ratios(ratios: list[float]) -> str:
    """The median, and the least and the most where they differ; a mark where there are none."""
    if not ratios:
        return NO_PEER
    low, high = f"{min(ratios):.1f}", f"{max(ratios):.1f}"
    between = f" ({low} to {high})" if low != high else ""
    return f"{statistics.median(ratios):.1f}{between}"


_CROSS_CHECK = (
    "subject", "attack", "images", "peer", "ours %", "peer %", "size ours / peer", "images/s", "ratio", "target"
)  # fmt: skip


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
