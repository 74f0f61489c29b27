"""Rules over several settings: how a class refuses what does not go together, with the fields that it is about."""

from __future__ import annotations

from typing import NoReturn

from pydantic_core import PydanticCustomError

RULE = "rule"
"""Type of the errors of `refuse`."""


def refuse(text: str, *fields: str) -> NoReturn:
    """Refuse settings that are right by themselves and do not go together.

    :param text: what is wrong, and what to write instead.
    :param fields: paths in the file, from the section of the class on, of the settings that the rule is about; the one
        that is to be changed stands first. Only those that are written are shown, with their values.
    :raises PydanticCustomError: always.
    """
    raise PydanticCustomError(RULE, "{text}", {"text": text, "fields": list(fields)})
