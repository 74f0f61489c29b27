"""JSON documents of ours, read with a check of their shape: a stranger or a killed process may have left anything."""

from __future__ import annotations

import functools
import json
import logging
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tasks.errors import MisplacedError
from tasks.printable import make_printable

logger = logging.getLogger("advsweep.storage")

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


def _check_moment(text: str) -> str:
    """:raises ValueError: it is no date and time."""
    datetime.fromisoformat(text)
    return text


Moment = Annotated[str, AfterValidator(_check_moment)]


class Document(BaseModel):
    """The shape of a document: fields that must be there, each of its exact type. Others may stand beside them."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True, protected_namespaces=())
    most_bytes: ClassVar[int] = 10_000_000
    """What a document of this shape may have."""


def parse_document(content: bytes, shape: type[Document], place: str) -> dict[str, Any]:
    """The content of a document as it stands there.

    :param place: where it is, for messages.
    :raises MisplacedError: it is no JSON, or has another shape; the message names the field.
    """
    try:
        found: dict[str, Any] = json.loads(content)
        shape.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first["loc"] else "is not what belongs there"
        raise MisplacedError(f"{place}: {what}") from None
    except (ValueError, RecursionError):
        raise MisplacedError(f"{place}: is {'no JSON' if content.strip() else 'empty'}") from None
    return found


def note_passed_over(error: Exception) -> None:
    """Name in one line what could not be read, once in this process."""
    warn_once(f"{error}; passed over")


@functools.cache
def warn_once(text: str) -> None:
    logger.warning("%s", make_printable(text))
