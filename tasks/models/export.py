"""Write a model so that plain torch loads it: weights, architecture as code, preprocessing and an example.

The code is generated from the network's own graph, so it holds for every architecture, pruned or not, and needs
nothing of this package.
"""

from __future__ import annotations

import json
import re
import string
import sys
import textwrap
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import fx, nn

from tasks.data.settings import DatasetSettings
from tasks.errors import UsageError
from tasks.models.build import Description, NormalizedModel
from tasks.models.registry import ARCHITECTURES
from tasks.models.stored import load_stored_model
from tasks.paths import make_temporary_name
from tasks.plugins.bundle import pack_plugins
from tasks.storage.stage_store import StageStore

WEIGHTS, CODE, PREPROCESSING, EXAMPLE = "weights.safetensors", "model.py", "preprocessing.json", "example.py"
PLUGIN = "plugin"
"""Folder with code of a user's own; `model.py` does not need what the model was built by."""
LOAD = """from model import Model

model, about = Model(), json.loads((here / "preprocessing.json").read_text())
model.load_state_dict(load_file(here / "weights.safetensors"))
model.eval()"""
"""How the example loads a model that stands by itself."""

HEADER = '''"""{name}: float images [N, {channels}, H, W] with pixels in [0, 1] -> logits [N, {classes}]."""

import torch
from torch import nn


def place(parent: nn.Module, path: str, layer: nn.Module | nn.Parameter) -> None:
    """Put a layer or a parameter at a dotted path, with empty modules between."""
    *between, last = path.split(".")
    for name in between:
        if not hasattr(parent, name):
            parent.add_module(name, nn.Module())
        parent = getattr(parent, name)
    setattr(parent, last, layer)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
{layers}

{forward}


class Model(nn.Module):
    """The network behind its normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Network()
        self.register_buffer("mean", torch.zeros({mean}))
        self.register_buffer("std", torch.ones({std}))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.network((pixels - self.mean) / self.std)
'''

EXAMPLE_CODE = string.Template('''
"""Load the model and classify an image; needs torch and safetensors, and pillow for an image file."""
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

here = Path(__file__).parent
sys.path.insert(0, str(here))
$load
pixels = torch.rand(1, about["channels"], about["height"], about["width"])
if len(sys.argv) > 1:
    import numpy as np
    from PIL import Image

    image = Image.open(sys.argv[1]).convert("L" if about["channels"] == 1 else "RGB")
    array = np.array(image.resize((about["width"], about["height"]), Image.Resampling.BILINEAR), dtype=np.float32)
    pixels = torch.from_numpy(array / 255).reshape(1, about["height"], about["width"], -1).permute(0, 3, 1, 2)
with torch.no_grad():
    confidence, place = model(pixels).softmax(1)[0].max(0)
print(about["classes"][int(place)], round(float(confidence), 4))
''')


def export_model(
    store: StageStore,
    key: str,
    folder: Path,
    *,
    dataset: DatasetSettings,
    classes: tuple[str, ...],
    size: tuple[int, int],
    beside: Mapping[str, bytes] | None = None,
    load: str = LOAD,
) -> Path:
    """Write the model of a stage to a folder, whole or not at all.

    :param key: of a stage that makes a model.
    :param classes: their names, in the order of the logits.
    :param size: height and width of the images that it was trained on.
    :param beside: further files: name -> content.
    :param load: code by which the example makes `model` and reads `about`.
    :returns: the folder.
    :raises FileNotFoundError: there is no such stage.
    :raises CorruptArtifactError: its weights have changed since they were published.
    """
    found = load_stored_model(store, key)
    description, model = found.description, found.model.eval()
    about = {
        "classes": list(classes),
        "channels": description.channels,
        "height": size[0],
        "width": size[1],
        "pixels": "float in [0, 1]; images are resized bilinearly with antialiasing; the model normalises them itself",
        "mean": description.mean,
        "std": description.std,
        "dataset": dataset.document(),
        "stage_key": key,
        "metrics": found.record["metrics"],
    }
    files = {
        CODE: generate_source(model, description).encode(),
        EXAMPLE: EXAMPLE_CODE.substitute(load=load).lstrip().encode(),
        PREPROCESSING: json.dumps(about, indent=1).encode(),
        WEIGHTS: found.content,
        **list_plugin_files([ARCHITECTURES.find_origin(description.name)]),
        **(beside or {}),
    }
    draft = folder.with_name(make_temporary_name(folder.name, key[:8]))
    for name, content in files.items():
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).write_bytes(content)
    draft.rename(folder)
    return folder


def list_plugin_files(origins: Iterable[str | None]) -> dict[str, bytes]:
    """The code of the plugins of some parts, in the folder `PLUGIN`: file -> content; a wheel's does not travel.

    :param origins: the modules that have registered the parts; null: ours.
    """
    wanted = set(filter(None, origins))
    bundles = [bundle for bundle in pack_plugins() if wanted & bundle.sources.keys()] if wanted else []
    return {f"{PLUGIN}/{name}": content for bundle in bundles for name, content in bundle.files.items()}


def generate_source(model: NormalizedModel, description: Description) -> str:
    """Python code of the same model that imports torch alone.

    :raises UsageError: its forward pass cannot be written down as one graph.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            graph = _Tracer().trace(model.network)
        except Exception as error:  # whatever code of a user's meets in place of a tensor
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UsageError(
                f"model {description.name!r} cannot be written as code of plain torch, since what it does depends on "
                f"its input: {reason}"
            ) from error
    used = {str(node.target) for node in graph.nodes if node.op in ("call_module", "get_attr")}
    layers = [
        f'place(self, "{name}", {_write_constructor(layer)})'
        for name, layer in model.network.named_modules()
        if name in used
    ]
    layers += [
        f'place(self, "{name}", nn.Parameter(torch.zeros({tuple(value.shape)})))'
        for name, value in model.network.named_parameters()
        if name in used
    ]
    return HEADER.format(
        name=description.name,
        classes=description.classes,
        channels=description.channels,
        layers=textwrap.indent("\n".join(layers), " " * 8),
        forward=textwrap.indent(_write_forward(graph), " " * 4),
        mean=tuple(model.mean.shape),
        std=tuple(model.std.shape),
    )


class _Tracer(fx.Tracer):
    """torch's, for which stochastic depth is one layer."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return _is_stochastic_depth(m) or super().is_leaf_module(m, module_qualified_name)


def _is_stochastic_depth(layer: nn.Module) -> bool:
    """Whether it is torchvision's, which takes two seconds to import: no layer is where nobody has imported it."""
    ops = sys.modules.get("torchvision.ops")
    return ops is not None and isinstance(layer, ops.StochasticDepth)


def _write_constructor(layer: nn.Module) -> str:
    """The call that makes the layer; batch norm's newer arguments are left out where they are the default."""
    if _is_stochastic_depth(layer):
        return "nn.Identity()"  # which it is in evaluation mode, the mode of an exported model
    text = repr(layer)
    return "nn." + (text.replace(", bias=True", "") if isinstance(layer, nn.BatchNorm2d) else text)


def _write_forward(graph: fx.Graph) -> str:
    """The traced forward method, without the annotations and deletions that fx adds."""
    signature, *body = graph.python_code("self").src.strip().splitlines()
    names = [str(node.target) for node in graph.nodes if node.op == "placeholder"]
    assert signature.startswith("def forward("), "fx writes one method"
    lines = [re.sub(r";  [\w = ]+ = None", "", line) for line in body]
    return "\n".join([f"def forward(self, {', '.join(names)}):", *lines])
