"""A pickle of a stranger: nothing that it names is called, and it takes no more memory than its file."""

from __future__ import annotations

import contextlib
import os
import pickle
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.data.plain_pickle import load_plain_pickle, to_array
from tasks.errors import UsageError
from tests.support.cifar_files import python2_pickle

RAN = "RAN"
"""An environment variable that hostile pickles set."""


class Harmful:
    """Runs something when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


NDARRAY, DTYPE, RECONSTRUCT = (
    name("numpy", "ndarray"),
    name("numpy", "dtype"),
    name("numpy._core.multiarray", "_reconstruct"),
)
SIZE = (1 << 40).to_bytes(8, "little")

HOSTILE = {
    "a function": pickle.dumps({b"data": Harmful(os.putenv, RAN, "yes")}),
    "exec": pickle.dumps(Harmful(exec, f"import os; os.environ['{RAN}'] = 'yes'")),
    "a name by the stack": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
    "numpy's own loader": b"\x80\x02" + name("numpy", "load") + b"X\x01\x00\x00\x00x\x85R.",
    "a name with dots": b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.__class__\x93.",
    "the state of a class": b"\x80\x02" + NDARRAY + b"}X\x08\x00\x00\x00__dict__}sb.",
    "objects of a buffer": b"\x80\x02"
    + NDARRAY
    + b"K\x01\x85"
    + DTYPE
    + b"X\x01\x00\x00\x00O\x85RB\x08\x00\x00\x00AAAAAAAA\x87R.",
    "a huge array": b"\x80\x02" + NDARRAY + b"\x8a\x06\x00\x00\x00\x00\x00\x01\x85\x85R.",
    "a call of a call": b"\x80\x02" + RECONSTRUCT + b")R)R.",
    "a new object": b"\x80\x02" + NDARRAY + b")\x81.",
    "huge bytes": b"\x80\x04\x8e" + SIZE + b"x.",
    "a huge text": b"\x80\x04\x8d" + SIZE + b"x.",
    "a huge bytearray": b"\x80\x05\x96" + SIZE + b"x.",
    "a huge frame": b"\x80\x04\x95" + SIZE + b"N.",
    "a huge number": b"\x80\x02\x8b\xff\xff\xff\x7fx.",
    "a far memo": b"\x80\x02Nr\xff\xff\xff\xff.",
    "a far place": b"\x80\x02j\xff\xff\xff\x7f.",
    "nothing": b"",
    "no end": b"\x80\x02}",
    "an unknown protocol": b"\x80\xff.",
    "a number of 5,000 digits": b"I" + b"9" * 5000 + b"\n.",
    "a persistent name": b"Px\n.",
    "an extension": b"\x80\x02\x82\x01.",
    "deep lists": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "half a text": b"\x80\x02X\x03\x00\x00\x00\xed\xa0\x80.",
    "an unhashable key": b"\x80\x02}]Ns.",
    "a list": pickle.dumps([1, 2]),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_nothing_runs_and_the_file_is_named(case: str, tmp_path: Path) -> None:
    file = tmp_path / "data_batch_1"
    file.write_bytes(HOSTILE[case])
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(UsageError, match=r"data_batch_1 cannot be read: ."):
        load_plain_pickle(file, "bytes")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert RAN not in os.environ
    assert peak < 30_000_000
    assert time.process_time() - began < 10


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "absent"):
        with pytest.raises(UsageError, match="cannot be read"):
            load_plain_pickle(path, "bytes")


def test_an_array_is_read_as_it_was_written(tmp_path: Path) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    (tmp_path / "x").write_bytes(python2_pickle(pixels, [1, 2, 3, 4]))
    content = load_plain_pickle(tmp_path / "x", "bytes")
    assert np.array_equal(to_array(content[b"data"]), pixels)
    assert content[b"labels"] == [1, 2, 3, 4]


WRONG_ARRAYS = {
    "another type": (b"U\x02u1", b"U\x02f8"),
    "a shape of another size": (b"J\x06\x00\x00\x00", b"J\x07\x00\x00\x00"),
    "a shape below zero": (b"J\x06\x00\x00\x00", b"J\xfa\xff\xff\xff"),
}


@pytest.mark.parametrize("case", WRONG_ARRAYS)
def test_an_array_of_another_kind_is_refused(case: str, tmp_path: Path) -> None:
    content = python2_pickle(np.zeros((4, 6), np.uint8), [1])
    before, after = WRONG_ARRAYS[case]
    assert content.count(before) == 1
    (tmp_path / "x").write_bytes(content.replace(before, after))
    with pytest.raises(ValueError, match="its array"):
        to_array(load_plain_pickle(tmp_path / "x", "bytes")[b"data"])


@pytest.mark.parametrize("value", [None, b"bytes", [1], {}])
def test_what_is_no_array_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="stands where an array is meant"):
        to_array(value)


@pytest.mark.slow
def test_every_byte_of_a_genuine_file_may_be_another(tmp_path: Path) -> None:
    content = python2_pickle(np.zeros((2, 3), np.uint8), [1, 2])
    file = tmp_path / "x"
    for place in range(len(content)):
        for value in (0x01, 0x80, 0xFF):
            changed = bytearray(content)
            changed[place] ^= value
            file.write_bytes(bytes(changed))
            with contextlib.suppress(UsageError, ValueError):
                assert to_array(load_plain_pickle(file, "bytes").get(b"data")).dtype == np.uint8
