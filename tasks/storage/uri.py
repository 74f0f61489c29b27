"""Where a storage is: a path, or a URI of an object store; secrets have no place in either."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from pyarrow import fs

from tasks.errors import UsageError, list_choices

SCHEMES = ("file", "gs", "s3")
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffd]")
"""What is no character of a name, or was none of UTF-8."""
OPTIONS = {
    "s3": ("endpoint_override", "region", "scheme"),
    "gs": ("endpoint_override", "retry_limit_seconds", "scheme"),
    "file": (),
}  # fmt: skip
"""What may stand behind the question mark."""
QUICK = {"s3": {"allow_delayed_open": "true"}, "gs": {"retry_limit_seconds": "5"}}
"""Added for Arrow: small objects in one request, which is atomic; pauses are ours, not those of the GCS client."""
ELSEWHERE = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile or a role",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS, or use a service account",
    "file": "none is needed",
}


def is_uri(text: str) -> bool:
    """Whether a text is a URI rather than a path."""
    return "://" in text


def redact_uri(text: str) -> str:
    """A URI for people and logs: without user, password and options."""
    if not is_uri(text):
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        return f"{text.partition('://')[0]}://..."
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def open_uri(text: str) -> tuple[fs.FileSystem, str]:
    """Arrow's filesystem of a URI, and the path in it, without a slash at the end.

    :raises UsageError: no filesystem goes with it, an option is unknown, or it holds a secret.
    """
    try:
        parts = urlsplit(text)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError as error:
        raise UsageError(f"--storage {redact_uri(text)}: {error}") from error
    _check(text, parts.scheme, parts.netloc, options)
    query = urlencode({**QUICK.get(parts.scheme, {}), **options})
    try:
        filesystem, root = fs.FileSystem.from_uri(urlunsplit(parts._replace(query=query)))
    except (ValueError, OSError, NotImplementedError) as error:
        raise UsageError(f"--storage {redact_uri(text)}: {error}") from error
    return filesystem, root.rstrip("/")


def _check(text: str, scheme: str, place: str, options: dict[str, str]) -> None:
    if scheme not in SCHEMES:
        raise UsageError(
            f"--storage {redact_uri(text)}: {list_choices((f'{name}://' for name in SCHEMES), f'{scheme}://')}"
        )
    user, _, bucket = place.rpartition("@")
    if user and (scheme, user) != ("gs", "anonymous"):
        raise UsageError(f"--storage {redact_uri(text)}: a key in the URI would be seen by others; {ELSEWHERE[scheme]}")
    if scheme != "file" and not BUCKET.fullmatch(bucket):
        raise UsageError(f"--storage {redact_uri(text)}: name a bucket, such as {scheme}://bucket/results")
    if CONTROL.search(unquote(text)) or ".." in unquote(text).split("/"):
        raise UsageError(f"--storage {redact_uri(text)!r}: is no place: it holds .. or a character that is none")
    for name in options:
        if name not in OPTIONS[scheme]:
            raise UsageError(
                f"--storage {redact_uri(text)}: unknown option {name!r}; {list_choices(OPTIONS[scheme], name)}"
            )
    if "@" in options.get("endpoint_override", ""):
        raise UsageError(
            f"--storage {redact_uri(text)}: a key in the endpoint would be seen by others; {ELSEWHERE[scheme]}"
        )
