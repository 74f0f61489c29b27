"""Whatever a user types: a command ends in time, without a traceback, and writes nothing that was not asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import SMALL_SPACE
from tests.support.fuzzing import CHARACTERS, drawn, ends_well

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where commands run; nothing may appear in it."""
    return tmp_path_factory.mktemp("fuzz")


ODD_TEXTS = st.sampled_from([
    "~", "null", "true", "yes", "1", "-1", "0.5", "1e3", "1e400", "nan", ".inf", "8/255", "1/0", "0x10", "0b_",
    "1:30", "2001-99-99", "9223372036854775808", "*a", "<<", "{", "[", "]", "?", "|", "'", "%YAML", "---", "...",
    "fgsm", "pgd", "resnet8", "digits", "sgd", "~nouser", "{}", "[]", "[1]", "!!int", "!x", "&a", "", "9" * 200,
    "!!int x", "&a [*a]", "- ", "? a", '"\\uD800"', '"\\0"', "\t", "é", "\u2028", "a" * 300, "[" * 60,
    "{grid_search: [1, 2]}", "{grid_search: []}", "{grid_search: 3}",
])  # fmt: skip
KEYS = st.sampled_from([
    "", "seed", "dataset", "model", "train", "prune", "finetune", "adversarial_finetune", "attack", "reference",
    "claims", "resources", "timeouts", "description", "name", "eps", "steps", "epochs", "lambda", "optimizer", "lr",
    "batch_size", "ratio", "scope", "image_size", "examples", "split", "test", "validation", "augment", "crop",
    "weights", "mean", "std", "schedule", "milestones", "ensemble", "surrogates", "surrogate", "norm", "match", "of",
    "higher", "lower", "says", "method", "objective", "targeted", "grid_search", "cpus", "gpus", "0", "1", "<<", "x",
])  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 20)
    | st.integers()
    | st.floats()
    | st.text(CHARACTERS, max_size=8)
    | ODD_TEXTS
)
NODES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.fixed_dictionaries({"grid_search": st.lists(inner, max_size=3)})
    ),
    max_leaves=8,
)


@st.composite
def changed_spaces(draw: st.DrawFn) -> str:
    """A space that was right before a few of its parts were replaced."""
    content = yaml.safe_load(SMALL_SPACE)
    for _ in range(draw(st.integers(1, 3))):
        node = content
        while True:
            key = draw(st.sampled_from(sorted(node)) | KEYS) if node else draw(KEYS)
            below = node.get(key)
            if not isinstance(below, dict) or draw(st.booleans()):
                break
            node = below
        node[key] = draw(NODES)
    return yaml.safe_dump(content, allow_unicode=True)


TEXTS = st.lists(
    KEYS.map(lambda key: f"{key}: ") | ODD_TEXTS | st.sampled_from([" ", "\n", "\n  ", ", ", "# "]), max_size=30
).map("".join)


@drawn(60)
@given(text=changed_spaces())
@example(text="{}")
@example(text="attack: {method: null, name: fgsm}")
def test_a_space_with_other_parts(folder: Path, text: str) -> None:
    check_space(folder, text.encode("utf-8", "surrogatepass"))


@drawn(60)
@given(content=TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=60))
@example(content=b"\xff")
@example(content=b'"\\UFFFFFFFF": 1')
def test_a_file_that_may_be_no_space(folder: Path, content: bytes) -> None:
    check_space(folder, content)


def check_space(folder: Path, content: bytes) -> None:
    (folder / "space.yaml").write_bytes(content)
    ends_well(folder, "plan", "--space", "space.yaml", "--storage", "absent", "--json")


@drawn(60)
@given(
    path=st.lists(KEYS, min_size=1, max_size=4).map(".".join) | st.text(CHARACTERS, max_size=10),
    value=ODD_TEXTS
    | NODES.map(lambda node: yaml.safe_dump(node, default_flow_style=True))
    | st.text(CHARACTERS, max_size=20),
)
@example(path="attack.²", value="1")
@example(path="seed", value="9" * 5000)
def test_an_override(folder: Path, path: str, value: str) -> None:
    ends_well(folder, "launch", "--dry-run", "--space", "smoke", "--set", f"{path}={value}", "--storage", "absent")


VALUES = ODD_TEXTS | st.text(CHARACTERS, max_size=12) | st.sampled_from([
    "s3://", "gs://", "file:///x/%00", "file://", "http://[::1", "ray://", "http://h:99999", "a:b", "local", "auto ",
    "absent", ".", "..", "/dev/null", "/proc/self/mem", "-", "--", "-1", "1e-9", "1e999", "train=1", "train=", "=1",
    "x=1", "select 1", ";", "svg", "svg,,png", "../../etc/passwd", "\udcff", "smoke", "digits", "a/" * 3000,
])  # fmt: skip
OPTIONS = {
    "launch": ["--space", "--set", "--storage", "--data-dir", "--address", "--cpus-per-trial", "--gpus-per-trial",
               "--max-concurrent", "--max-failures", "--timeout", "--wandb", "--project"],
    "plan": ["--space", "--set", "--storage", "--data-dir", "--slots"],
    "status": ["--storage", "", "--json"],
    "results": ["--storage", "", "--sql", "--format"],
    "report": ["--storage", "", "--out", "--formats", "--data-dir"],
    "compare": ["--storage", "", ""],
    "explain": ["--storage", "", "--json"],
    "export": ["--storage", "", "--out", "--data-dir"],
    "logs": ["--storage", "", "--follow"],
    "clean": ["--storage", "--forget"],
    "spaces": ["", "--json"],
}  # fmt: skip


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A command with options of its own and values of any kind; none that would start a sweep or ask a network."""
    command = draw(st.sampled_from(sorted(OPTIONS)))
    words = [command]
    for option in draw(st.lists(st.sampled_from(OPTIONS[command]), max_size=4)):
        words += [word for word in (option, draw(VALUES)) if word or not option]
    if command == "launch":
        words.insert(1, "--dry-run")
    if "--space" not in words and command in ("launch", "plan"):
        words[1:1] = ["--space", "smoke"]
    return words


@drawn(80)
@given(words=command_lines())
@example(words=["results", "--storage", "absent", "x", "--sql", ""])
@example(words=["status", "--storage", "a" * 300])
@example(words=["launch", "--dry-run", "--space", "smoke", "--address", "http://[::1"])
def test_a_command_line(folder: Path, words: list[str]) -> None:
    if any(word.startswith(("s3://", "gs://", "ray://", "http")) and len(word) > 12 for word in words):
        return  # would ask a network
    (folder / "space.yaml").unlink(missing_ok=True)
    ends_well(folder, *words, codes=(0, 1, 2))
