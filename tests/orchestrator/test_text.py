"""Tables as they go to a pipe and to terminals of any width, and values as text."""

from __future__ import annotations

import csv
import errno
import io
import json
import random
from datetime import datetime, timezone

import pytest
from rich.console import Console

from orchestrator.text import (
    format_bytes,
    format_count,
    format_duration,
    format_percent,
    format_table,
    format_value,
    make_sort_key,
    render_table,
    say,
)

COLUMNS = ["pruned", "eps_train", "clean accuracy", "why"]
ROWS = [
    ["0.2", "8/255", "97.40 ± 0.21 %", "a doubled budget is weaker"],
    ["0.95", "-", "8.00 %", "ok"],
]


def test_what_goes_to_a_pipe_is_one_line_a_row() -> None:
    assert format_table(COLUMNS, ROWS).splitlines() == [
        "pruned  eps_train  clean accuracy  why",
        "------  ---------  --------------  --------------------------",
        "   0.2  8/255      97.40 ± 0.21 %  a doubled budget is weaker",
        "  0.95  -                  8.00 %  ok",
    ]


def test_wide_letters_and_marks_of_rich_stand_as_they_are() -> None:
    shown = format_table(["name", "[red]n"], [["表[bold]x[/bold] :smile:", "1"], ["b", "22"]])
    assert shown.splitlines()[2:] == ["表[bold]x[/bold] :smile:       1", "b                             22"]
    narrow = format_table(["name", "[red]n"], [["表[bold]x[/bold] :smile:", "1"], ["b", "22"]], 30)
    assert "表[bold]x[/bold]" in narrow
    assert ":smile:" in narrow


@pytest.mark.parametrize("width", range(33, 61))
def test_a_narrow_terminal_wraps_at_spaces_and_cuts_nothing(width: int) -> None:
    lines = format_table(COLUMNS, ROWS, width).splitlines()
    assert all(len(line) <= width for line in lines)
    assert len(lines) > 4
    shown = " ".join(lines).split()
    for row in [COLUMNS, *ROWS]:
        for word in " ".join(row).split():
            assert word in shown


def test_a_terminal_that_is_too_narrow_for_columns_gets_a_block_a_row() -> None:
    assert format_table(COLUMNS, ROWS, 30).split("\n\n")[1].splitlines() == [
        "pruned          0.95",
        "eps_train       -",
        "clean accuracy  8.00 %",
        "why             ok",
    ]


def test_csv_and_json_keep_what_a_table_rounds() -> None:
    when = datetime(2026, 1, 2, tzinfo=timezone.utc)
    rows = [[0.123456789, None, 'a "b", c', when]]
    read = list(csv.reader(io.StringIO(render_table(["x", "y", "z", "t"], rows, "csv"))))
    assert read == [["x", "y", "z", "t"], ["0.123456789", "", 'a "b", c', str(when)]]
    assert json.loads(render_table(["x", "y", "z", "t"], rows, "json")) == [
        {"x": 0.123456789, "y": None, "z": 'a "b", c', "t": when.isoformat()}
    ]
    assert render_table(["x", "y"], [[0.123456789, None]], "table").splitlines()[2].split() == ["0.1235", "-"]


def test_values_for_people() -> None:
    assert [format_value(value) for value in (None, 1234567.8, 3, "a")] == ["-", "1.235e+06", "3", "a"]
    assert [format_percent(value) for value in (None, 0.98747)] == ["-", "98.75 %"]
    assert [format_duration(seconds) for seconds in (0.04, 0.4, 59.4, 200, 7500, 7529, 7531, 7199.8)] == [
        "0.0 s", "0.4 s", "59 s", "3 min 20 s", "2 h 05 min", "2 h 05 min", "2 h 06 min", "2 h 00 min"
    ]  # fmt: skip
    assert [format_count(count, "trial") for count in (0, 1, 2)] == ["0 trials", "1 trial", "2 trials"]
    assert [format_bytes(size) for size in (999, 1000, 2_500_000, 3_000_000_000)] == [
        "999 bytes",
        "1.0 kB",
        "2.5 MB",
        "3.0 GB",
    ]


def test_nulls_come_before_numbers_and_numbers_before_texts() -> None:
    ordered = [None, -1, 0.5, 2, 10, "10", "2", "a"]
    shuffled = random.Random(0).sample(ordered, len(ordered))
    assert sorted(shuffled, key=make_sort_key) == ordered


class FullDisk(io.StringIO):
    """Where the output goes, on a disk that has no room."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_an_output_that_is_full_ends_no_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(file=FullDisk())
    for line in ("[5 s] trials 0/4", "[10 s] trials 1/4"):
        say(console, line)
    assert capsys.readouterr().err == "nothing more is printed: No space left on device\n"


def test_what_is_said_does_not_steer_the_terminal() -> None:
    sink = io.StringIO()
    say(Console(file=sink, force_terminal=True), "a\x1b[2Jb")
    assert sink.getvalue() == "a\\x1b[2Jb\n"
    assert format_table(["\x1b[1m"], [["\x1b[0m"]]) == "\\x1b[1m\n-------\n\\x1b[0m"


def test_a_spreadsheet_computes_nothing_of_a_csv_file() -> None:
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"]
    shown = list(
        csv.reader(io.StringIO(render_table(["=x", "rate"], [[text, -0.5] for text in texts], "csv"), newline=""))
    )
    assert shown == [["'=x", "rate"], *([f"'{text}", "-0.5"] for text in texts)]
    assert render_table(["x"], [["a\r=1"]], "csv") == "x\na\\r=1"
    assert json.loads(render_table(["=x"], [["=1+1"]], "json")) == [{"=x": "=1+1"}], "scripts read it as it is"
