"""A folder of somebody else's, whose modules nobody should import."""

from __future__ import annotations

from pathlib import Path

from tests.support.where import SPACE

ENDINGS = ["raise ImportError('of somebody else')", "import os; os._exit(3)", "", "while True: pass"]
NAMES = ["tasks", "random", "torch", "orchestrator", "search_spaces", "runpy", "typing", "multiprocessing", "logging",
         "default_worker", "sitecustomize", "pyarrow", "numpy"]  # fmt: skip


def make_hostile_folder(folder: Path, mark: Path) -> Path:
    """A folder with a space, and modules that leave a mark, and then fail, end the process, go on or never end.

    :param mark: the file that appears when one of them is imported.
    """
    folder.mkdir()
    (folder / "where.yaml").write_text(SPACE)
    for number, name in enumerate(NAMES):
        code = f"open({str(mark)!r}, 'a').write({name!r} + '\\n')\n"
        (folder / f"{name}.py").write_text(code + ENDINGS[number % len(ENDINGS)] + "\n")
    return folder
