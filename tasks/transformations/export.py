"""A model behind its transformations as files: their settings, their code, and what they keep of the training images.

The code is that of this package as it is now, in a folder of its own, so that an export answers the same in years.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

from tasks.errors import UsageError
from tasks.plugins.load import PLUGINS
from tasks.settings import CODE
from tasks.transformations.defended_model import JUDGE, DefendedModel, LoadImages
from tasks.transformations.registry import TRANSFORMATIONS
from tasks.transformations.settings import InferenceSettings

ABOUT, PREPARED, PACKAGE = "inference.json", "prepared.safetensors", "code"
"""What the model stands behind, what was made of the training images, and the folder with code of this package."""
FACE = ("__init__.py", "parts.py")
"""Of the public face, what a plugin of transformations imports."""
LOAD = f'''sys.path.insert(1, str(here / "{PACKAGE}"))
from model import Model
from tasks.transformations.export import load_defended_model

model, about = Model(), json.loads((here / "preprocessing.json").read_text())
model.load_state_dict(load_file(here / "weights.safetensors"))
model = load_defended_model(model, here)  # as it was judged: behind its transformations
model.eval()'''
"""How the example loads the model."""


def write_defence(
    settings: InferenceSettings, seed: int, channels: int, size: tuple[int, int], training: LoadImages
) -> dict[str, bytes]:
    """What `load_defended_model` needs beside the model and the code of plugins: file -> content.

    :param seed: of the trial.
    :param channels, size: of the images: channels, and height and width.
    """
    about = {"inference": settings.document(), "seed": seed, "plugins": list_plugins(settings)}
    files = {ABOUT: json.dumps(about, indent=1).encode(), **dict(_list_code())}
    if settings.needs_training_images:
        defended = DefendedModel(nn.Flatten(), settings, seed, JUDGE, samples=1, training=training)
        with torch.no_grad():
            defended(torch.zeros(1, channels, *size))  # the first look prepares them
        kept = {str(place): value.cpu().contiguous() for place, value in defended.prepared.items()}
        files[PREPARED] = safetensors.torch.save(kept)
    return files


def load_defended_model(model: nn.Module, folder: Path, plugins: str = "plugin") -> DefendedModel:
    """The model as it was judged: pixels of [0, 1], float [N, C, H, W] -> logits [N, classes].

    :param model: the same without its transformations.
    :param folder: where `write_defence` has put its files.
    :param plugins: the folder there with code of a user's own.
    :raises UsageError: the plugin of a transformation cannot be imported.
    """
    about = json.loads((folder / ABOUT).read_text())
    for module in about["plugins"]:
        path = folder / plugins / Path(*module.split("."))
        own = path if (path / "__init__.py").is_file() else path.with_suffix(".py")
        reference = str(own) if own.exists() else module  # which a wheel brings
        if PLUGINS.load(reference) is None:
            raise UsageError(f"plugin {module}: {PLUGINS.failures[reference]}")
    settings = InferenceSettings.model_validate(about["inference"])
    prepared = safetensors.torch.load_file(folder / PREPARED) if (folder / PREPARED).is_file() else {}
    kept = {int(place): value for place, value in prepared.items()}
    return DefendedModel(model, settings, about["seed"], JUDGE, samples=settings.samples, prepared=kept)


def check_code(settings: InferenceSettings, then: Mapping[str, str]) -> None:
    """Refuse code of a user's own that is other than it was.

    :param then: file -> digest of the code that the model was judged with.
    :raises UsageError: with the files that have changed.
    """
    now = settings.canonical().get(CODE) or {}
    changed = sorted(file for file in then.keys() | now.keys() if then.get(file) != now.get(file))
    if changed:
        raise UsageError(
            f"the code of its transformations has changed since: {', '.join(changed)}; give --plugin with the file as "
            "it was, or launch again"
        )


def list_plugins(settings: InferenceSettings) -> list[str]:
    """The modules of a user's own that have registered the transformations."""
    origins = (TRANSFORMATIONS.find_origin(each.name) for each in settings.transformations)
    return list(dict.fromkeys(filter(None, origins)))


def _list_code() -> Iterator[tuple[str, bytes]]:
    """The Python files of this package that a transformation may import."""
    root = Path(__file__).parents[2]
    for file in (*sorted((root / "tasks").rglob("*.py")), *(root / "advsweep" / name for name in FACE)):
        yield f"{PACKAGE}/{file.relative_to(root).as_posix()}", file.read_bytes()
