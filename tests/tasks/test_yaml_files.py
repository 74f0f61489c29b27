"""Files of settings: what is refused and in which words, and that what is written is read as the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks import yaml_files
from tasks.errors import UsageError
from tasks.yaml_files import format_yaml, parse_yaml, read_mapping


def test_a_mapping_is_read_and_what_is_none_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    for content, message in {
        b"": "is empty; a search space is a mapping of settings",
        b"- 1\n": "holds a list; a search space is a mapping of settings",
        b"7\n": "holds a int; a search space is a mapping of settings",
        b"ab\xfe": "is not UTF-8: byte 2 is 0xfe",
        b"a: 1\nb: [1\n": "not valid YAML in line 3: expected ',' or ']', but got '<stream end>'",
        b"a: \x01": "not valid YAML: special characters are not allowed",
        b'a: "\\U00110000"': r"not valid YAML: chr\(\) arg not in range\(0x110000\)",
        b'a: "\\UFFFFFFFF"': "not valid YAML: Python int too large to convert to C int",
    }.items():
        file.write_bytes(content)
        with pytest.raises(UsageError, match=rf"space\.yaml: {message}$"):
            read_mapping(file)
    file.write_text("a: é\nb: {c: 2}\n", encoding="utf-8")
    assert read_mapping(file) == {"a": "é", "b": {"c": 2}}


def test_what_is_no_file_is_told_from_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.yaml: there is no such file$"):
        read_mapping(tmp_path / "gone.yaml")
    with pytest.raises(UsageError, match=f"{tmp_path}: is no regular file$"):
        read_mapping(tmp_path)
    with pytest.raises(UsageError, match=r": cannot be read: File name too long$"):
        read_mapping(tmp_path / ("x" * 300))


def test_a_file_may_have_as_many_bytes_as_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert yaml_files.MOST_BYTES == 5_000_000
    file = tmp_path / "space.yaml"
    file.write_text("a: " + "b" * 1997)
    monkeypatch.setattr(yaml_files, "MOST_BYTES", 2000)
    assert read_mapping(file)["a"] == "b" * 1997
    monkeypatch.setattr(yaml_files, "MOST_BYTES", 1999)
    with pytest.raises(UsageError, match=r"space\.yaml: has 2,000 bytes; the most that is read is 1,999$"):
        read_mapping(file)


def test_what_is_written_is_read_as_the_same_and_in_its_order() -> None:
    texts = ["12", ".5", "true", "null", "~", "", "é", "8/255", "-", "1.e+3"]
    content = {"z": "1e5", "a": texts, "m": {"n": None, "b": 2.5}}
    text = format_yaml(content)
    assert parse_yaml(text, "here") == content
    assert list(parse_yaml(text, "here")) == ["z", "a", "m"]
    assert "é" in text
    assert text.startswith("z: '1e5'\n")
