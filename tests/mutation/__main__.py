"""`python -m tests.mutation [--area A] [--match TEXT] [--left] [--sample N --seed S] [--jobs N]`: what tests notice.

Each mutation is applied to a copy of the tree, and the tests that are named for it are run there. `--draw N --seed S`
takes mistakes that nobody has seen in the place of those on the list.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Sequence

from tests.mutation.catalog import list_areas, load_mutations, note_outcomes, read_noticed
from tests.mutation.draw import draw_mutations
from tests.mutation.run import KILLED, SURVIVED, TIMED_OUT, Outcome, run_mutations


def main() -> int:
    """0 where every mutation is noticed that should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Which mistakes the tests notice.")
    parser.add_argument("--area", action="append", default=[], choices=list_areas(), help="may be given several times")
    parser.add_argument("--match", default="", help="only mutations whose file or reason has this text")
    parser.add_argument("--left", action="store_true", help="only what was not noticed, or not run, so far")
    parser.add_argument("--sample", type=int, help="so many of them, chosen by the seed")
    parser.add_argument("--draw", type=int, help="so many mistakes that are not on the list, drawn by the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="copies that are worked on at the same time")
    parser.add_argument("--without-baseline", action="store_true", help="take it that the tests pass as the tree is")
    options = parser.parse_args()
    listed = load_mutations(options.area) if options.draw is None else draw_mutations(options.draw, options.seed)
    mutations = [one for one in listed if options.match in f"{one.file} {one.why}"]
    if options.left:
        noticed = read_noticed()
        mutations = [one for one in mutations if one.why not in noticed]
    if options.sample is not None:
        mutations = random.Random(options.seed).sample(mutations, min(options.sample, len(mutations)))
    found = []
    for outcome in run_mutations(mutations, options.jobs, baseline=not options.without_baseline):
        _say(_describe(outcome))
        found.append(outcome)
        if outcome.state != TIMED_OUT and options.draw is None:
            note_outcomes({outcome.mutation.why: outcome.state == KILLED})
    _say(summarize(found))
    return int(any(is_wrong(outcome) for outcome in found))


def is_wrong(outcome: Outcome) -> bool:
    """Whether the list or a test has to be mended; that the time was up says neither."""
    return outcome.state not in (TIMED_OUT, SURVIVED if outcome.mutation.survives else KILLED)


def _describe(outcome: Outcome) -> str:
    mutation = outcome.mutation
    note = f" ({mutation.survives})" if mutation.survives and outcome.state == SURVIVED else ""
    problem = f"\n{outcome.problem}" if outcome.problem else ""
    return (
        f"{outcome.state:9} {outcome.seconds:5.1f} s  {mutation.area:14} {mutation.file}: {mutation.why}{note}{problem}"
    )


def summarize(found: Sequence[Outcome]) -> str:
    """A table of Markdown: how many are noticed, by area and in all, and of how many nobody knows, for time was up."""
    by_area: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in found:
        by_area[outcome.mutation.area].append(outcome)
    lines = ["", "| area | killed | timed out | of | rate |", "|---|---|---|---|---|"]
    for area, outcomes in [*sorted(by_area.items()), ("all", list(found))]:
        killed, late = (sum(one.state == state for one in outcomes) for state in (KILLED, TIMED_OUT))
        lines.append(f"| {area} | {killed} | {late} | {len(outcomes)} | {100 * killed / max(1, len(outcomes)):.0f} % |")
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
