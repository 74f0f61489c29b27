"""What `--address` says."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from ray._private import services

from orchestrator.cluster.address import Address, AddressKind, check_answers, find_local_cluster, parse_address
from tasks.errors import UsageError


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("local", AddressKind.private),
        ("auto", AddressKind.joined),
        ("10.0.0.1:6379", AddressKind.joined),
        ("[::1]:6379", AddressKind.joined),
        ("ray://head:10001", AddressKind.client),
        ("http://head:8265", AddressKind.job),
        ("https://ray.example.org", AddressKind.job),
    ],
)
def test_an_address_says_where_the_driver_runs(text: str, place: AddressKind) -> None:
    assert parse_address(text).place is place
    assert parse_address(text).remote == (place in (AddressKind.client, AddressKind.job))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "head",
        "ftp://head",
        "http://",
        "ray:head",
        "http://me:hunter2@head:8265",
        "http://head:0",
        "http://head:70000",
        "http://[::1",
        "ray://he ad:1",
        "head:6379:1",
        "user@head:6379",
    ],
)
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--address") as refused:
        parse_address(text)
    assert "hunter2" not in str(refused.value)


def test_a_slash_at_the_end_is_no_part_of_an_address() -> None:
    assert parse_address("http://head:8265/") == Address("http://head:8265", AddressKind.job)
    with pytest.raises(UsageError, match=r"^--address head: write it as local, auto, HEAD:6379, ray://HEAD:10001 or"):
        parse_address("head")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("local", None),
        ("auto", None),
        ("10.0.0.1:6380", ("10.0.0.1", 6380)),
        ("[::1]:6381", ("::1", 6381)),
        ("ray://head", ("head", 10001)),
        ("http://head", ("head", 80)),
        ("https://head", ("head", 443)),
        ("https://head:8266", ("head", 8266)),
    ],
)
def test_whether_somebody_listens_is_asked_at_the_port_of_the_address(
    text: str, asked: tuple[str, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []

    def connect(place: tuple[str, int], timeout: float) -> Any:
        found.append((place, timeout))
        return SimpleNamespace(close=lambda: found.append("closed"))

    monkeypatch.setattr(socket, "create_connection", connect)
    check_answers(parse_address(text))
    assert found == ([] if asked is None else [(asked, 5.0), "closed"])

    def refuse(*_: Any) -> Any:
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(socket, "create_connection", refuse)
    if asked is not None:
        with pytest.raises(UsageError, match=r"nothing answers there: refused$"):
            check_answers(parse_address(text))


def test_auto_is_the_cluster_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "canonicalize_bootstrap_address_or_die", lambda text: f"found by {text}:6379")
    assert find_local_cluster(parse_address("auto")) == Address("found by auto:6379", AddressKind.joined)
    assert find_local_cluster(parse_address("ray://head:1")) == parse_address("ray://head:1")

    def fail(_: str) -> str:
        raise ConnectionError

    monkeypatch.setattr(services, "canonicalize_bootstrap_address_or_die", fail)
    with pytest.raises(UsageError, match=r"^--address auto: this machine belongs to no Ray cluster"):
        find_local_cluster(parse_address("auto"))


@pytest.mark.parametrize("text", ["ray://me:secret@head:1", "http://me@head:8265", "https://:secret@head"])
def test_names_and_passwords_are_no_part_of_an_address(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"^--address: leave name and password out; RAY_AUTH_MODE=token and"
    ) as refused:
        parse_address(text)
    assert "secret" not in str(refused.value)
