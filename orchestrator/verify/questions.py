"""What the verdicts of a finished sweep question, and the trials that would settle it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from orchestrator.results.bounds import select_attacks
from orchestrator.results.budgets import Budget, WorstCase, find_worst_case, is_of_one_attack
from orchestrator.results.checks.upper_bound import FEWER, LOWEST
from orchestrator.results.checks.verdict import NOT_TESTED, SUSPICIOUS, UPPER_BOUND, rank_severity
from orchestrator.results.headline import get_budget
from orchestrator.results.image_reader import ReadRobust
from orchestrator.results.model_axes import describe_model
from orchestrator.results.verdicts import annotate_rows
from orchestrator.results.worst_case_verdict import judge_alone, judge_worst_case, list_decisive_attacks
from orchestrator.space.space import Space, load_content
from orchestrator.store.sweep_store import SweepStore
from orchestrator.store.verifications import describe_verification, name_verification
from orchestrator.text import format_count
from orchestrator.verify.cells import Section, list_remedies
from tasks.errors import UsageError
from tasks.evaluation.settings import AttackSettings
from tasks.trial.read import read_row
from tasks.trial.row import Row, identify_model
from tasks.trial.trial import Trial, simplify_trial


@dataclass(frozen=True)
class Question:
    """A number of one model, norm and budget that its worst case rests on, which a check speaks against, and what would
    settle it."""

    rows: tuple[Row, ...]
    """Of this budget, that which is questioned first, then the lowest."""
    checks: tuple[str, ...]
    cells: dict[str, Trial]
    """Words for what is tried, with its steps and the model of a transfer -> the trial."""
    model: str = ""
    """The model in words, with its seed: `resnet8 seed 1, pruned 0.4`."""

    @property
    def row(self) -> Row:
        """The number that is questioned."""
        return self.rows[0]


def list_questions(sweep: SweepStore, read: ReadRobust) -> list[Question]:
    """One for each model and budget whose worst case rests on a number that is an upper bound at best, or suspicious;
    that another attack at hand leaves less settles itself.

    :param read: of the images of trials.
    :raises UsageError: the sweep has no finished trial, or parts of it are not known here.
    """
    rows = [row for row in sweep.rows() if row["status"] == "finished"]
    if not rows:
        raise UsageError(f"{sweep.sweep_id}: no trial of it is finished, so that there is nothing to verify")
    judged = annotate_rows(rows, read)
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in select_attacks(judged):
        if row["attack_eps"] != 0:
            groups[identify_model(row), get_budget(row), row["only_correct"]].append(row)
    known = {row["trial_id"] for row in rows}
    ordered = (sorted(group, key=lambda row: (row["robust_accuracy"], row["trial_id"])) for group in groups.values())
    found = [question for group in ordered if (question := _ask(group, known)) is not None]
    models = list({identify_model(row): row for row in rows}.values())
    return [replace(question, model=_name_model(question.row, models)) for question in found]


def _name_model(row: Row, models: Sequence[Row]) -> str:
    """`resnet8 seed 1, pruned 0.4`: what tells the model from the others of the sweep."""
    told = [part for part in describe_model(row, models) if part != f"model {row['model']}"]
    return ", ".join([f"{row['model']} seed {row['seed']}", *told])


def _ask(group: Sequence[Row], known: set[str]) -> Question | None:
    row = max(list_decisive_attacks(group), key=lambda each: rank_severity(judge_alone(each) or NOT_TESTED))
    if judge_alone(row) not in (UPPER_BOUND, SUSPICIOUS):
        return None
    said = {check: verdict for check, verdict in json.loads(row["verdicts"]).items() if check != LOWEST}
    checks = tuple(check for check, verdict in said.items() if verdict in (UPPER_BOUND, SUSPICIOUS))
    trial = read_row(row)
    cells: dict[str, Trial] = {}
    wider = list_wider_attacks(row, group) if FEWER in checks else {}
    for words, section in {**wider, **list_remedies(checks, trial)}.items():
        try:
            attack = AttackSettings.model_validate(section).simplify()
        except ValidationError:  # no budget where one is needed: the attack that is questioned looks for the smallest
            continue
        made = simplify_trial(trial.model_copy(update={"attack": attack}))
        if made.trial_id not in known and made.trial_id not in {cell.trial_id for cell in cells.values()}:
            cells[", ".join([words, *_describe_cell(made)])] = made
    return Question((row, *(other for other in group if other is not row)), checks, cells)


def _describe_cell(trial: Trial) -> list[str]:
    """The steps that its attack takes, and the model that examples are made against where it is another one."""
    method, other = trial.attack.method, trial.attack.surrogate
    said = [format_count(method.reported_steps, "step")] if method.iterative and method.reported_steps else []
    if other is not None:
        said.append(f"made against {other.model.name} seed {trial.seed if other.seed is None else other.seed}")
    return said


def list_wider_attacks(row: Row, group: Sequence[Row]) -> dict[str, Section]:
    """Words -> attacks of the budget on fewer images than a worst case is over, on as many as the number that is
    questioned is of."""
    wanted = read_row(row).attack.document()["examples"]
    fewer = [other for other in group if 2 * other["examples"] < row["examples"]]
    return {
        f"attack as many images: {other['attack']}": {**read_row(other).attack.document(), "examples": wanted}
        for other in fewer
    }


def make_space(sweep: SweepStore, questions: Sequence[Question]) -> Space:
    """The space whose trials are the cells of these questions: of its own name, in the storage of the sweep.

    :raises UsageError: there are no cells.
    """
    trials = [cell for question in questions for cell in question.cells.values()]
    if not trials:
        raise UsageError(f"{sweep.sweep_id}: no attack would settle what the verdicts say")
    documents = [trial.document() for trial in trials]
    said = {"description": describe_verification(sweep.sweep_id)}
    first = load_content(name_verification(sweep.sweep_id), sweep.sweep_id, {**documents[0], **said})
    attacks = list({trial.attack.canonical_text: trial.attack.document() for trial in trials}.values())
    content = {**(sweep.space() or first.content), "description": first.description, "attack": {"grid_search": attacks}}
    return replace(first, content=content, trials=tuple(dict.fromkeys(trials)))


def judge_again(sweep: SweepStore, found: Sequence[Row], read: ReadRobust) -> list[Row]:
    """What is finished of the sweep and of its verification, with what the checks say of all of it together.

    :param found: rows of the verification.
    :param read: of the images of trials.
    """
    own = [row for row in sweep.rows() if row["status"] == "finished"]
    known = {row["trial_id"] for row in own}
    new = [row for row in found if row["status"] == "finished" and row["trial_id"] not in known]
    return annotate_rows([*own, *new], read)


def settle(question: Question, found: Sequence[Row], read: ReadRobust) -> Row:
    """How a number moved: what stood, what each cell leaves, the images that withstand all of them, and what the checks
    say of that.

    :param found: rows as the checks see them now (`judge_again`), those of the verification among them.
    :param read: of the images of trials.
    """
    wanted = {cell.trial_id: words for words, cell in question.cells.items()}
    new = [row for row in found if row["trial_id"] in wanted and row["status"] == "finished"]
    row = question.row
    before, after = _compare(question.rows, new, read)
    asked = {each["trial_id"] for each in question.rows}
    now = judge_worst_case([*(each for each in found if each["trial_id"] in asked), *new])[0] if new else None
    return {
        "trial_id": row["trial_id"],
        "model": question.model,
        "attack": f"{row['attack']} {row['attack_norm']}",
        "eps": row["attack_eps"],
        "eps_space": row["attack_eps_space"],
        "verdict": row["verdict"],
        "checks": ", ".join(question.checks),
        "tried": {wanted[each["trial_id"]]: each["robust_accuracy"] for each in new},
        "examples": before.examples if after is None else after.examples,
        "robust_before": before.rate,
        "robust_after": None if after is None else after.rate,
        "verdict_after": now,
    }


def _compare(old: Sequence[Row], new: Sequence[Row], read: ReadRobust) -> tuple[WorstCase, WorstCase | None]:
    """The worst case over what stood and over all that is there now: where attacks saw different images, both are of
    those that all of them saw. The second is null where nothing was tried, or images are not known.

    What is tried attacks as many images as the number that is questioned, so that this one counts beside it. A longer
    run stands for a shorter one, and may have seen other images where only those that are seen rightly are attacked.
    """
    both = [*old, *new]
    if is_of_one_attack(both):
        return find_worst_case(old), find_worst_case(both) if new else None
    now = Budget(both, read)
    stood = Budget([row for row in now.counted if any(row is each for each in old)], read)
    after = now.worst_case if new else None
    if after is None or not stood.survivors or not now.survivors:
        return find_worst_case(old), after
    kept = [stood.survivors[place] for place in now.survivors if place in stood.survivors]
    return WorstCase(sum(kept), len(kept)), after
