"""What `--address` says."""

from __future__ import annotations

import pytest

from orchestrator.cluster.address import AddressKind, parse_address
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


@pytest.mark.parametrize("text", ["", "head", "ftp://head", "http://", "ray:head", "http://me:hunter2@head:8265"])
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--address") as refused:
        parse_address(text)
    assert "hunter2" not in str(refused.value)
