"""What a search space says about its model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from tasks.errors import UsageError, list_choices
from tasks.fingerprints import hash_file
from tasks.local_paths import parse_local_path
from tasks.models.registry import ARCHITECTURES
from tasks.part_names import NameOf
from tasks.settings import LocalPath, Number, Settings, keyed, unkeyed
from tasks.settings_rules import refuse

PerChannel = Number | tuple[Number, ...]
"""One number for all colours, or one for each."""

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DEFAULT = 0.5


ADDRESS = re.compile(r"(?P<url>(?:https?|hf)://[^\s#]+)(?:#sha256=(?P<sha256>[0-9a-fA-F]{64}))?")


class WeightsSettings(Settings):
    """Weights to start from: torchvision's, or those of a file, known by its content and not by its place."""

    source: Literal["imagenet", "file"] = keyed()
    """imagenet: torchvision's IMAGENET1K_V1."""
    file: LocalPath | None = unkeyed(None)
    url: str | None = unkeyed(None)
    """Where the file is downloaded from: `https://...`, or `hf://ORGANISATION/REPOSITORY/FILE[@REVISION]`."""
    sha256: str | None = keyed(None)
    """Of the file's content; where it is given, a file with another content is refused."""


def _read_weights(value: object) -> object:
    """`imagenet`, or what `read_weights_file` takes."""
    return {"source": "imagenet"} if value == "imagenet" else read_weights_file(value, "neither `imagenet` nor a file")


def read_weights_file(value: object, otherwise: str = "no file") -> object:
    """The address of a file with its sha256, or the path of one, whose content is hashed now.

    :param otherwise: what a text is that names neither.
    """
    if not isinstance(value, (str, Path)):
        return value
    address = ADDRESS.fullmatch(str(value))
    if address:
        if address["sha256"] is None:
            text = "what is downloaded is known by its content: write it as URL#sha256=DIGEST (64 hex digits)"
            raise PydanticCustomError("weights", "{text}", {"text": text})
        return {"source": "file", "url": address["url"], "sha256": address["sha256"].lower()}
    try:
        file = parse_local_path(value, "").absolute()  # workers run elsewhere
        return {"source": "file", "file": file, "sha256": hash_file(file)}
    except (OSError, UsageError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        text = f"is {otherwise} that can be read: {reason}"
        if "#sha256=" in str(value) or "://" in str(value):
            text = "is no address: write it as https://HOST/FILE#sha256=DIGEST (64 hex digits), or hf://..."
        raise PydanticCustomError("weights", "{text}", {"text": text}) from error


Weights = Annotated[WeightsSettings | None, BeforeValidator(_read_weights)]
"""As a space writes them: `imagenet`, the path of a file, or an address."""


class ModelSettings(Settings):
    """An architecture, its stem, its first weights, and the normalisation that is its first layer."""

    name: Annotated[str, NameOf(ARCHITECTURES)] = keyed()
    stem: Literal["cifar", "imagenet"] = keyed("cifar")
    """`cifar`: a 3x3 convolution of stride 1 and no pooling first; `imagenet`: 7x7, stride 2 and max pooling."""
    weights: Weights = keyed(None)
    """null: random; `imagenet`: torchvision's; else a file, safetensors or one that torch.save wrote, by its path or by
    an address with the sha256 of its content, as `https://HOST/FILE#sha256=DIGEST`, `hf://ORG/REPO/FILE#sha256=DIGEST`.
    The last layer is made anew where its number of outputs is not that of the classes."""
    mean: PerChannel | None = keyed(None)
    """Subtracted from every pixel of [0, 1]; null: ImageNet's with `weights: imagenet`, else what files of the
    architecture were trained with, else 0.5."""
    std: PerChannel | None = keyed(None)
    """Every pixel is divided by it after that; null: as for `mean`."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        deviations = self.std if isinstance(self.std, tuple) else (self.std,)
        if any(value is not None and value <= 0 for value in deviations):
            refuse("must be above 0", "std")
        if self.weights and self.weights.source == "imagenet":
            if not ARCHITECTURES.load(self.name).imagenet_weights:
                known = [name for name in ARCHITECTURES if ARCHITECTURES.load(name).imagenet_weights]
                text = f"there are no ImageNet weights of {self.name}; {list_choices(known, self.name)}"
                refuse(text, "weights", "name")
            if self.stem != "imagenet" and not ARCHITECTURES.load(self.name).has_one_stem:
                refuse("weights: imagenet needs stem: imagenet", "stem", "weights")
        return self

    def resolve_normalisation(self) -> tuple[PerChannel, PerChannel]:
        """Mean and standard deviation; one number where all colours have the same."""
        from_imagenet = self.weights is not None and self.weights.source == "imagenet"
        usual = ARCHITECTURES.load(self.name).normalisation or (DEFAULT, DEFAULT)
        mean, std = (IMAGENET_MEAN, IMAGENET_STD) if from_imagenet else usual
        return _drop_defaults(mean if self.mean is None else self.mean), _drop_defaults(
            std if self.std is None else self.std
        )

    def simplify(self) -> Self:
        """With the normalisation written out, and without a stem where the architecture has but one."""
        mean, std = self.resolve_normalisation()
        has_one_stem = ARCHITECTURES.load(self.name).has_one_stem
        stem = ModelSettings.model_fields["stem"].default if has_one_stem else self.stem
        return self.model_copy(update={"mean": mean, "std": std, "stem": stem})


class ConditionSettings(Settings):
    """The lambda at which a network that takes one (objective `oat`) is attacked and certified: it is then an ordinary
    network. A grid over it shares the training."""

    weight: Number = keyed(alias="lambda", ge=0, le=1)
    """Share of adversarial loss that it behaves by: 0 as trained on clean images, 1 as on adversarial ones."""


def _drop_defaults(values: PerChannel) -> PerChannel:
    return values[0] if isinstance(values, tuple) and len(set(values)) == 1 else values
