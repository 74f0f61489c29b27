"""First weights from torchvision or from a file; nothing is unpickled that could run code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from tasks.errors import MisfitError, Problem, StageError
from tasks.fingerprints import hash_file
from tasks.models.download import download_weights
from tasks.models.registry import ARCHITECTURES
from tasks.models.settings import ModelSettings, WeightsSettings

WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
"""Names under which training scripts keep the weights in a checkpoint."""
PREFIXES = ("module.", "network.", "model.", "backbone.")
"""What wrappers put before the names of all weights."""
NORMALISATION = re.compile(r"(?:normali[sz]\w*\.|0\.)?(?:(?P<mean>mu|(?:new_)?mean)|(?P<std>sigma|(?:new_)?std))")
"""Names of a normalisation that a file keeps beside its weights; as the first layer of a sequence, `0.mean`."""


def load_initial_weights(network: nn.Module, settings: ModelSettings) -> None:
    """Give a network its first weights; its last layer keeps random ones where the number of classes differs.

    :raises StageError: the weights cannot be had, or are not of this architecture; the message says what differs.
    """
    if settings.weights is None:
        return
    if settings.weights.source == "imagenet":
        source, found = f"torchvision's ImageNet weights of {settings.name}", _load_imagenet(settings.name)
    else:
        source, found = _read_file(settings, settings.weights)
    network.load_state_dict(_fit_tensors(network, found, source, settings), strict=True)


def check_weights_file(network: nn.Module, settings: ModelSettings) -> None:
    """Hold a file of first weights against a network, which may be on torch's meta device, and give it none.

    :raises MisfitError: it cannot be read, or is not of this architecture, as `load_initial_weights` would say.
    """
    if settings.weights is None or settings.weights.file is None:
        return
    try:
        source, found = _read_file(settings, settings.weights)
        _fit_tensors(network, found, source, settings)
    except StageError as error:
        raise MisfitError(Problem("model.weights", None, str(error).removeprefix("model.weights: "))) from error


def _read_file(settings: ModelSettings, weights: WeightsSettings) -> tuple[str, dict[str, Tensor]]:
    """The path, and the tensors by the names of the network."""
    file, content = load_weights_file(weights, "model.weights")
    found = _strip_prefixes(content)
    _check_normalisation(found, settings, file)
    return str(file), _rename(found, settings)


def _load_imagenet(name: str) -> dict[str, Tensor]:
    from tasks.models.torchvision_networks import models

    weights = models.get_model_weights(name.removeprefix("torchvision:"))["IMAGENET1K_V1"]
    try:
        found: dict[str, Tensor] = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise StageError(
            f"model.weights = imagenet: {name} could not be downloaded: {error}. "
            f"Without a network, put {weights.url} into {folder}, or name a file: model.weights = FILE"
        ) from error
    return {_rename_dense_layer(key): value for key, value in found.items()}


def _rename_dense_layer(key: str) -> str:
    """torchvision's weights of DenseNet are older than its code, which calls `norm.1` `norm1`."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", key)


def load_weights_file(weights: WeightsSettings, setting: str) -> tuple[Path, dict[str, Tensor]]:
    """The file, which is downloaded where an address is given, and its tensors by name, of any shapes [...], out of
    what scripts wrap them in; a safetensors file, or one that torch.save wrote.

    :param setting: the name of the setting, for the messages.
    :raises StageError: it cannot be had or read, has another content than the plan says, or holds no weights by name.
    """
    file = weights.file or download_weights(weights.url, weights.sha256)
    try:
        if weights.sha256 and hash_file(file) != weights.sha256:
            raise StageError(f"{setting}: {file} is not the file that the plan was made with: its content differs")
        if file.suffix == ".safetensors":
            content: Any = safetensors.torch.load_file(file)
        else:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except StageError:
        raise
    except OSError as error:
        raise StageError(f"{setting}: {file} cannot be read: {error.strerror or error}") from error
    except UnpicklingError as error:
        raise StageError(f"{setting}: {file} holds more than weights, and is refused") from error
    except Exception as error:  # a damaged file ends in whatever error the reader comes upon
        raise StageError(f"{setting}: {file} holds no weights: {_extract_first_line(error)}") from error
    return file, _unwrap(content, file, setting)


def _unwrap(content: Any, file: Path, setting: str) -> dict[str, Tensor]:
    for name in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)} if content else {}
    if not tensors:
        raise StageError(f"{setting}: {file} holds no weights by name")
    return tensors


def _strip_prefixes(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by the names of the bare network."""
    prefix = next((prefix for prefix in PREFIXES if any(name.startswith(prefix) for name in tensors)), None)
    while prefix is not None:
        rest = {name: value for name, value in tensors.items() if NORMALISATION.fullmatch(name)}
        inside = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        tensors = rest | inside
        prefix = next((prefix for prefix in PREFIXES if any(name.startswith(prefix) for name in tensors)), None)
    if "0.mean" in tensors or "0.mu" in tensors:  # a sequence of the normalisation and the network
        tensors = {name.removeprefix("1."): value for name, value in tensors.items()}
    return tensors


def _check_normalisation(found: dict[str, Tensor], settings: ModelSettings, file: Path) -> None:
    """Take the normalisation that a file keeps out of its tensors.

    :raises StageError: it is another than that of the settings; the message says what to write.
    """
    kept = {name: match for name in found if (match := NORMALISATION.fullmatch(name))}
    for name, match in kept.items():
        values = found.pop(name).flatten()
        field = "mean" if match["mean"] else "std"
        asked = dict(zip(("mean", "std"), settings.resolve_normalisation(), strict=True))[field]
        wanted = torch.tensor(asked if isinstance(asked, tuple) else [asked], dtype=values.dtype)
        if wanted.numel() not in (1, values.numel()) or not torch.allclose(values, wanted, atol=1e-4):
            written = ", ".join(f"{value:.6g}" for value in values.tolist())
            raise StageError(
                f"model.weights: {file} was trained with another normalisation: write model.{field}: [{written}]"
            )


def _rename(found: dict[str, Tensor], settings: ModelSettings) -> dict[str, Tensor]:
    """Tensors by the names of the network, where files of its architecture have others."""
    renamed = {}
    for name, value in found.items():
        for pattern, replacement in ARCHITECTURES.load(settings.name).renamed:
            name = re.sub(pattern, replacement, name)
        if name:
            renamed[name] = value
    return renamed


def _fit_tensors(
    network: nn.Module, found: dict[str, Tensor], source: str, settings: ModelSettings
) -> dict[str, Tensor]:
    """The tensors with the network's own last layer where the number of classes differs.

    :raises StageError: they are not of this architecture.
    """
    wanted = network.state_dict()
    counts = {name: value for name, value in wanted.items() if name.endswith(".num_batches_tracked")}
    found = counts | found  # files of 2017 and before have none
    head = find_head(network)
    for name in (f"{head}.weight", f"{head}.bias") if head else ():
        if name in found and found[name].shape[1:] == wanted[name].shape[1:] and len(found[name]) != len(wanted[name]):
            found = {**found, name: wanted[name]}
    said = describe_misfit(wanted, found)
    if said:
        raise StageError(f"model.weights: {source} does not fit {settings.name} with stem {settings.stem}: {said}")
    return found


def describe_misfit(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """What differs between the tensors of a network and those of a file; empty where they fit.

    :param wanted: by name, of any shapes [...], as `found`.
    """
    missing = [name for name in wanted if name not in found]
    strange = [name for name in found if name not in wanted]
    other = [
        f"{name} is {list(found[name].shape)} instead of {list(wanted[name].shape)}"
        for name in wanted
        if name in found and found[name].shape != wanted[name].shape
    ]
    kinds = (("missing", missing), ("not in the network", strange), ("of another shape", other))
    return "; ".join(f"{len(names)} {kind}, such as {names[0]}" for kind, names in kinds if names)


def find_head(network: nn.Module) -> str | None:
    """The last linear layer, which gives the logits; null where there is none."""
    names: list[str] = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    return names[-1] if names else None


def _extract_first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
