"""Settings of models: what does not fit together, and what is the same model."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.errors import StageError
from tasks.models.build import Description, build_model
from tasks.models.settings import ModelSettings
from tests.support.small import stages_of, trial


def test_a_missing_weights_file_is_a_mistake_in_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="neither `imagenet` nor a file that can be read"):
        ModelSettings.model_validate({"name": "resnet18", "weights": str(tmp_path / "none.pth")})


@pytest.mark.parametrize("address", ["https://example.org/net.pt#sha256=12", "ftp://example.org/net.pt"])
def test_an_address_that_is_none_is_told_how_one_is_written(address: str) -> None:
    with pytest.raises(ValidationError, match="is no address: write it as https://HOST/FILE#sha256=DIGEST"):
        ModelSettings.model_validate({"name": "resnet18", "weights": address})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "resnet8", "stem": "imagenet"}, "no ImageNet weights of resnet8"),
        ({"name": "resnet18", "stem": "cifar"}, "needs stem: imagenet"),
    ],
)
def test_imagenet_weights_that_do_not_fit(fields: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelSettings.model_validate({**fields, "weights": "imagenet"})


def test_imagenet_weights_bring_their_normalisation() -> None:
    settings = ModelSettings.model_validate({"name": "resnet18", "stem": "imagenet", "weights": "imagenet"})
    model = build_model(Description.of(settings, 3, 10))
    assert model.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    with pytest.raises(StageError, match=r"3 values, but the images have 1 channel$"):
        Description.of(settings, 1, 10)
    with pytest.raises(StageError, match="differs between colours"):
        Description.of(settings, 3, 10).get_pixels_per_unit("normalized")


def test_a_normalisation_that_is_written_out_is_the_same_model() -> None:
    written = stages_of(trial(model={"name": "resnet8", "mean": [0.5, 0.5, 0.5], "std": "1/2"}))[0]
    assert written.key == stages_of(trial())[0].key
    assert written.key != stages_of(trial(model={"name": "resnet8", "std": 0.25}))[0].key
