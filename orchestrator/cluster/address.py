"""Where a sweep runs: what `--address` says."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from tasks.errors import UsageError

LOCAL, AUTO = "local", "auto"
FORMS = "local, auto, HEAD:6379, ray://HEAD:10001 or http://HEAD:8265"
TIMEOUT = 5.0
"""Seconds after which a port that does not answer is one that nobody listens on."""


class AddressKind(Enum):
    """Who runs the driver, and on which Ray."""

    private = "a Ray of its own on this machine"
    joined = "this process, on a cluster that this machine belongs to"
    client = "a process on the head, for as long as this one is connected"
    job = "a job on the head, which outlives this process"


@dataclass(frozen=True)
class Address:
    """One `--address`, read."""

    text: str
    place: AddressKind

    @property
    def remote(self) -> bool:
        """Whether the driver runs on another machine, so that local paths mean nothing to it."""
        return self.place in (AddressKind.client, AddressKind.job)


def parse_address(text: str) -> Address:
    """Read an address.

    :raises UsageError: it has none of the forms, or holds a user name or password.
    """
    if text == LOCAL:
        return Address(text, AddressKind.private)
    if text == AUTO:
        return Address(text, AddressKind.joined)
    if re.fullmatch(r"[\w.\-]+:\d+|\[[0-9a-fA-F:]+\]:\d+", text):
        return Address(text, AddressKind.joined)
    places = {"ray": AddressKind.client, "http": AddressKind.job, "https": AddressKind.job}
    try:
        parts = urlsplit(text)
        there = parts.scheme in places and parts.hostname and parts.port != 0
    except ValueError:  # half an IPv6 address, or a port that is none
        there = False
    if not there or not re.fullmatch(r"[!-~]+", text):
        raise UsageError(f"--address {text}: write it as {FORMS}")
    if parts.username or parts.password:
        raise UsageError(
            "--address: leave name and password out; RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH are for that"
        )
    return Address(text.rstrip("/"), places[parts.scheme])


def find_local_cluster(address: Address) -> Address:
    """The address itself; of `auto`, that of the cluster which this machine belongs to.

    :raises UsageError: it belongs to none.
    """
    if address.text != AUTO:
        return address
    from ray._private.services import canonicalize_bootstrap_address_or_die  # what `ray.init` asks too

    try:
        return Address(canonicalize_bootstrap_address_or_die(AUTO), address.place)
    except (ConnectionError, ValueError) as error:
        raise UsageError(
            "--address auto: this machine belongs to no Ray cluster; name its head (HEAD:6379), or leave --address out"
        ) from error


def check_answers(address: Address) -> None:
    """Open and close a connection.

    :raises UsageError: nothing listens there.
    """
    if address.text in (LOCAL, AUTO):
        return
    parts = urlsplit(address.text if "://" in address.text else f"//{address.text}")
    default = {"http": 80, "https": 443, "ray": 10001}.get(parts.scheme, 0)
    try:
        socket.create_connection((parts.hostname or "", parts.port or default), TIMEOUT).close()
    except (OSError, ValueError) as error:
        raise UsageError(f"--address {address.text}: nothing answers there: {error}") from error
