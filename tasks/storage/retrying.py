"""Patience with a storage: what may pass is tried again with growing pauses, for a bounded time; the rest is not."""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Callable
from typing import Any, TypeVar

import tenacity

from tasks.environment import read_number
from tasks.errors import StorageError, StorageGoneError, StorageRefusedError

TIMEOUT = "ADVSWEEP_STORAGE_TIMEOUT"
"""Environment variable: seconds for which an operation on the storage is tried again."""
DEFAULT_TIMEOUT = 120.0
AT_THE_START = 10.0
"""Seconds, before anything is started: whoever sits in front of it waits no longer to learn of a wrong address."""
LONGEST_PAUSE = 5.0

PASSING = frozenset({
    errno.EAGAIN, errno.EBUSY, errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTDOWN,
    errno.EHOSTUNREACH, errno.EINTR, errno.EIO, errno.ENETDOWN, errno.ENETRESET, errno.ENETUNREACH, errno.ENOTCONN,
    errno.EPIPE, errno.ESTALE, errno.ETIMEDOUT,
})  # fmt: skip
"""What a network or a shared file system says when it is away for a while."""
REFUSED = re.compile(
    r"ACCESS_DENIED|SIGNATURE_DOES_NOT_MATCH|INVALID_(ACCESS_KEY|CLIENT_TOKEN|SIGNATURE)|UNRECOGNIZED_CLIENT"
    r"|MISSING_AUTHENTICATION|OPT_IN_REQUIRED|NO_SUCH_BUCKET|Expired|PERMISSION_DENIED|UNAUTHENTICATED"
    r"|INVALID_ARGUMENT|HTTP status (?!408|429)[34]\d\d"
)
"""What an object store says that it will say again; Arrow's errors of object stores have a text and no number."""
logger = logging.getLogger("advsweep.storage")
Result = TypeVar("Result")


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed later: a lost connection may, a full disk or a wrong key does not."""
    if not isinstance(error, OSError) or isinstance(error, StorageError):
        return False
    if error.errno is not None:
        return error.errno in PASSING
    return not REFUSED.search(str(error))


def get_storage_timeout() -> float:
    """Seconds for which operations are tried again.

    :raises UsageError: the environment variable is no such number.
    """
    return read_number(TIMEOUT, DEFAULT_TIMEOUT, "seconds")


def retry_patiently(call: Callable[..., Result], *arguments: Any, seconds: float, where: str) -> Result:
    """The result of a call that may be repeated; it is, while its errors may pass and the time is not up.

    :param where: the storage, for the message.
    :raises StorageGoneError: the time is up; the message says the last reason.
    :raises StorageRefusedError: an object store says no; at once.
    :raises OSError: another error that does not pass, at once and as it is.
    """

    def tell(state: tenacity.RetryCallState) -> None:
        if state.attempt_number == 3:
            logger.warning("%s does not answer: %s; trying for %g s", where, find_reason(_make_error(state)), seconds)

    def give_up(state: tenacity.RetryCallState) -> Result:
        error = _make_error(state)
        raise StorageGoneError(f"{where} did not answer for {seconds:g} s: {find_reason(error)}") from error

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_transient),
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=LONGEST_PAUSE),
        stop=tenacity.stop_after_delay(seconds),
        before_sleep=tell,
        retry_error_callback=give_up,
    )
    try:
        return retrying(call, *arguments)
    except OSError as error:
        if error.errno is not None or isinstance(error, StorageError):
            raise
        raise StorageRefusedError(f"{where}: {find_reason(error)}") from error


def find_reason(error: BaseException) -> str:
    """One line for people: what is wrong, in the words of the system or the object store."""
    if isinstance(error, OSError) and error.errno:
        named = error.strerror if error.filename else None  # Arrow's errors name no file, and their text is long
        return named or os.strerror(error.errno)
    text = (str(error).splitlines() or [type(error).__name__])[0]
    for pattern, plain in PLAIN.items():
        if re.search(pattern, text):
            return f"{plain} ({text})"
    return text


PLAIN = {
    "NO_SUCH_BUCKET|bucket does not exist": "there is no such bucket",
    "SIGNATURE_DOES_NOT_MATCH|INVALID_ACCESS_KEY|INVALID_CLIENT_TOKEN|UNAUTHENTICATED|Expired": (
        "the credentials were not accepted"
    ),
    "ACCESS_DENIED|PERMISSION_DENIED": "access is denied",
    "SLOW_DOWN|HTTP status (429|503)": "the service asks to slow down",
    "NETWORK_CONNECTION": "no connection",
}
"""What the texts of object stores mean."""


def _make_error(state: tenacity.RetryCallState) -> BaseException:
    assert state.outcome is not None, "an attempt has ended"
    error = state.outcome.exception()
    assert error is not None, "it ended with an error"
    return error
