"""The one place where an error becomes a message and an exit code.

What a user can mend is one message and exit code 2; everything else is a defect of advsweep, exit code 1, and keeps its
traceback.
"""

from __future__ import annotations

import os
import sys
import traceback

DEFECT = "this is a defect of advsweep: please report it with the lines above"
LONGEST_LINE = 2000
"""Characters of a line of a message."""


def report_error(error: Exception) -> int:
    """Print what went wrong, and return the exit code.

    An error of the operating system, such as a full disk or a file that may not be read, says itself what to mend;
    with `ADVSWEEP_TRACEBACK=1` it too is shown with where it came from.
    """
    from tasks.errors import CorruptArtifactError, StorageError, UsageError, describe_system_error
    from tasks.printable import make_printable

    if isinstance(error, BrokenPipeError):
        return 0  # `advsweep results ... | head`
    if isinstance(error, (StorageError, UsageError)):
        message = str(error)
    elif isinstance(error, CorruptArtifactError):
        message = f"{error}; `advsweep launch` sets it aside and computes it again"
    elif isinstance(error, OSError) and error.errno is not None:
        message = describe_system_error(error)
        if os.environ.get("ADVSWEEP_TRACEBACK"):
            traceback.print_exception(error)
    else:
        traceback.print_exception(error)
        print(DEFECT, file=sys.stderr)  # noqa: T201
        return 1
    print(_shorten(make_printable(f"error: {message}")), file=sys.stderr)  # noqa: T201
    return 2


def _shorten(message: str) -> str:
    lines = message.splitlines()
    return "\n".join(line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}..." for line in lines)
