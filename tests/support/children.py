"""A function in a process of its own, which has imported what this one has, and knows nothing that others found out."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar

Answer = TypeVar("Answer")


def run_in_child(function: Callable[..., Answer], *arguments: object) -> Answer:
    """What the function returns.

    :raises EOFError: the process has ended without an answer.
    """
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_answer, args=(there, function, arguments))
    child.start()
    there.close()
    try:
        found: Answer = here.recv()
    finally:
        child.join()
    return found


def _answer(there: Connection, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
    there.send(function(*arguments))
