"""What a terminal may be shown of texts that others have written, such as names and values of a shared storage."""

from __future__ import annotations

import re

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What moves the cursor, colours, names windows or turns the order of letters, but for tabs and ends of lines."""


def make_printable(text: str) -> str:
    r"""The text with what would steer a terminal written out, such as `\x1b[2J` for what clears it."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
