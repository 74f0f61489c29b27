"""Draws mistakes by chance: a line of the source, and one of the small changes that its syntax allows."""

from __future__ import annotations

import ast
import copy
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutation.catalog import Mutation
from tests.mutation.run import OWN
from tests.support.checkout import ROOT

OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}  # fmt: skip
"""What stands in the place of what by mistake."""
TWINS = {
    "all": "any", "any": "all", "amax": "amin", "amin": "amax", "argmax": "argmin", "argmin": "argmax", "ceil": "floor",
    "floor": "ceil", "max": "min", "maximum": "minimum", "min": "max", "minimum": "maximum", "sorted": "list",
    "ones_like": "zeros_like", "zeros_like": "ones_like",
}  # fmt: skip
"""Functions that are taken for another."""
FORGOTTEN = ("abs", "clone", "copy", "detach", "eval", "sqrt")
"""Methods without which the code still runs."""
UNTOUCHED = (ast.Assert, ast.Import, ast.ImportFrom, ast.JoinedStr, ast.Raise, ast.arg)
"""Messages and types: a change there is no mistake in what is done."""
UNTOUCHED_FIELDS = ("annotation", "decorator_list", "returns")


@dataclass(frozen=True)
class Change:
    """One small change of a text."""

    line: int
    start: int
    end: int
    """What is replaced, in bytes of UTF-8."""
    new: str


def draw_mutations(count: int, seed: int, root: Path = ROOT) -> list[Mutation]:
    """So many lines with a mistake each; every line of the source that can have one is as likely as every other."""
    lines: dict[tuple[Path, int], list[Change]] = defaultdict(list)
    for path in sorted(path for package in OWN for path in (root / package).rglob("*.py")):
        for change in find_changes(path.read_text()):
            lines[path, change.line].append(change)
    draw = random.Random(seed)
    chosen = draw.sample(sorted(lines), min(count, len(lines)))
    return [_make_mutation(path.relative_to(root), draw.choice(lines[path, line]), root) for path, line in chosen]


def find_changes(text: str) -> list[Change]:
    """Every change of a text that its syntax allows."""
    starts = [0]
    for line in text.encode().split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    found = []
    for node in _walk_code(ast.parse(text)):
        for changed in _change_node(node):
            start, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
            new = ast.unparse(ast.fix_missing_locations(changed))
            found.append(Change(node.lineno, start, end, f"({new})" if isinstance(changed, ast.expr) else new))
    return found


def _walk_code(node: ast.AST) -> Iterator[Any]:
    """What does something: no message, no type, no name of a setting."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in UNTOUCHED_FIELDS or isinstance(node, ast.Raise):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.Raise) or (isinstance(child, ast.AST) and not isinstance(child, UNTOUCHED)):
                yield from _walk_code(child)


def _change_node(node: Any) -> Iterator[ast.AST]:
    """Every mistake at this place: the node as it would stand there."""
    match node:
        case ast.Compare(ops=[operator]):
            yield _alter(node, ops=[OPERATORS[type(operator)]()])
        case ast.BoolOp(op=operator) | ast.BinOp(op=operator) if type(operator) in OPERATORS:
            yield _alter(node, op=OPERATORS[type(operator)]())
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.IfExp():
            yield _alter(node, body=node.orelse, orelse=node.body)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(2 * value)
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.AugAssign():
            yield ast.Pass()
        case ast.Call():
            yield from _change_call(node)


def _change_call(node: ast.Call) -> Iterator[ast.AST]:
    for place in range(len(node.keywords)):
        yield _alter(node, keywords=node.keywords[:place] + node.keywords[place + 1 :])
    match node.func:
        case ast.Name(id=name) if name in TWINS:
            yield _alter(node, func=ast.Name(TWINS[name]), keywords=[] if name == "sorted" else node.keywords)
        case ast.Attribute(attr=name) if name in TWINS:
            yield _alter(node, func=_alter(node.func, attr=TWINS[name]))
        case ast.Attribute(attr=name) if name in FORGOTTEN and not node.args:
            yield node.func.value


def _alter(node: Any, **fields: object) -> Any:
    """A copy of a node with other fields."""
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _make_mutation(file: Path, change: Change, root: Path) -> Mutation:
    """:param file: below the root; its tests are those of the module, or where it has none, of its room."""
    raw = (root / file).read_bytes()
    first, last = raw.rfind(b"\n", 0, change.start) + 1, raw.find(b"\n", change.end)
    while raw.count(raw[first:last]) > 1:  # with so many lines before it that it stands there once
        first = raw.rfind(b"\n", 0, first - 1) + 1
    before = raw[first:last].decode()
    after = (raw[first : change.start] + change.new.encode() + raw[change.end : last]).decode()
    own = Path("tests") / file.parent / f"test_{file.stem}.py"
    tests = own if (root / own).exists() else own.parent
    why = f"line {change.line}: {raw[change.start : change.end].decode()} becomes {change.new}"
    return Mutation(file.parent.as_posix(), file.as_posix(), before, after, (tests.as_posix(),), why, "", True)
