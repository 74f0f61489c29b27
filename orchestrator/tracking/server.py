"""The W&B server: which one, with which key, and whether it answers. Nothing here ever shows a key."""

from __future__ import annotations

import base64
import json
import netrc
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orchestrator.tracking.client import import_wandb

PATIENCE = 5.0
"""Seconds that the server has to answer the first question."""
MOST_BYTES = 1 << 20


class UnreachableError(Exception):
    """The server cannot be used now; the message says why, and names no secret."""


def find_base_url() -> str:
    """Where the server is: `$WANDB_BASE_URL`, what `wandb login --host` has kept, or the public one."""
    return str(os.environ.get("WANDB_BASE_URL") or import_wandb().setup().settings.base_url).rstrip("/")


def redact_url() -> str:
    """The server for messages, without a user or password in it."""
    parts = urlsplit(find_base_url())
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"


def find_api_key() -> str | None:
    """The key for the server: `$WANDB_API_KEY`, or what `wandb login` left in the netrc file; null if there is none."""
    if key := os.environ.get("WANDB_API_KEY"):
        return key
    named = os.environ.get("NETRC")
    for file in [Path(named)] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]:
        try:
            found = netrc.netrc(file).authenticators(urlsplit(find_base_url()).netloc)
        except (OSError, netrc.NetrcParseError):
            continue
        if found and found[2]:
            return found[2]
    return None


def redact_key(text: str) -> str:
    """The text without the key."""
    key = find_api_key()
    return text.replace(key, "***") if key else text


def ask_viewer() -> dict[str, Any]:
    """Whose key it is, asked of the server in one short question.

    :raises UnreachableError: there is no key, the server does not answer in time, or it does not take the key.
    """
    key = find_api_key()
    if not key:
        raise UnreachableError("there is no key: set WANDB_API_KEY or run `wandb login`")
    request = urllib.request.Request(
        f"{find_base_url()}/graphql",
        data=json.dumps({"query": "query Viewer { viewer { id entity username } }"}).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": "Basic " + base64.b64encode(f"api:{key}".encode()).decode(),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            found = (json.loads(answer.read(MOST_BYTES)).get("data") or {}).get("viewer")
    except urllib.error.HTTPError as error:
        refused = "does not take the key" if error.code in (401, 403) else "cannot answer"
        raise UnreachableError(f"{redact_url()} {refused} (status {error.code})") from None
    except (OSError, ValueError, AttributeError) as error:
        reason = getattr(error, "reason", None) or error
        raise UnreachableError(redact_key(f"{redact_url()} cannot be reached: {reason}")) from None
    if not found:
        raise UnreachableError(f"{redact_url()} does not take the key")
    return dict(found)
