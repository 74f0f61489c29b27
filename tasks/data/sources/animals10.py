"""Animals-10: about 26,000 photographs of ten animals, a folder per class, named in Italian or in English.

Source: C. Alessio, Animals-10, Kaggle, 2019. The archive unpacks to `raw-img/<class>/*.jpeg`;
it asks for an account, so it cannot be downloaded from here.
"""

from __future__ import annotations

from pathlib import Path

from tasks.data.listing import Listing, list_classes
from tasks.data.settings import DatasetSettings
from tasks.data.source import require_folder
from tasks.data.sources.image_folder import ImageFolder
from tasks.errors import MissingDataError, UsageError

ENGLISH = {
    "cane": "dog",
    "cavallo": "horse",
    "elefante": "elephant",
    "farfalla": "butterfly",
    "gallina": "chicken",
    "gatto": "cat",
    "mucca": "cow",
    "pecora": "sheep",
    "ragno": "spider",
    "scoiattolo": "squirrel",
}
"""Name of a class in the public archive -> in English. Labels follow the English names, whatever the folders say."""

PLACES = ("raw-img", "animals10/raw-img", "animals10", ".")
"""Where the class folders may be, below the data folder; the first that has one of them counts."""

SITE = "https://www.kaggle.com/datasets/alessiocorrado99/animals10"


class Animals10(ImageFolder):
    """The split is made by `split.test` and `split.seed`, after `examples` images are chosen."""

    published = 20_943, 5_236
    """Training and test images where a fifth of all 26,179 is held out."""

    layout = f"raw-img/ with the folders {', '.join(ENGLISH)} (or their English names) of the archive from {SITE}"

    def list_parts(self, settings: DatasetSettings, folder: Path | None) -> list[Listing]:
        root = self._find_root(require_folder(settings, folder, self.layout))
        folders = {entry.name: name for entry in root.iterdir() if (name := _translate_name(entry.name))}
        missing = sorted(set(ENGLISH.values()) - set(folders.values()))
        twice = sorted({name for name in folders.values() if list(folders.values()).count(name) > 1})
        if missing or twice:
            which = f"no folder for {', '.join(missing)}" if missing else f"two folders for {', '.join(twice)}"
            raise UsageError(f"{root}: {which}; animals10 needs {self.layout}")
        return [list_classes(root, folders, self.layout)]

    def _find_root(self, folder: Path) -> Path:
        for place in PLACES:
            root = folder / place
            if root.is_dir() and any(_translate_name(entry.name) for entry in root.iterdir()):
                return root
        raise MissingDataError(f"no Animals-10 image is in {folder}: put there {self.layout}")


def _translate_name(name: str) -> str:
    """The class that a folder holds; empty where it is none."""
    return ENGLISH.get(name, name if name in ENGLISH.values() else "")


ANIMALS10 = Animals10()
