"""A data set that is a function: what it may return, and that every part of it is in the fingerprint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.data.function import FunctionSource
from tasks.data.source import Inspection
from tasks.errors import UsageError
from tests.support.images import settings, silent

TRAIN = (torch.arange(5 * 3 * 4 * 2, dtype=torch.uint8).view(5, 3, 4, 2), torch.tensor([0, 2, 1, 0, 2]))
TEST = (torch.arange(2 * 3 * 4 * 2, dtype=torch.uint8).view(2, 3, 4, 2) + 100, torch.tensor([3, 1]))


def inspect(found: Any) -> Inspection:
    """What is known of a data set whose function returns this."""
    return FunctionSource("mine", lambda *_: found).inspect(settings("digits"), None)


def test_images_are_counted_and_classes_named_by_the_largest_label_of_both_parts() -> None:
    found = inspect((TRAIN, TEST))
    assert (found.train_images, found.test_images, found.channels) == (5, 2, 3)
    assert found.classes == ("0", "1", "2", "3")
    assert inspect((TEST, TRAIN)).classes == ("0", "1", "2", "3")
    assert inspect((TRAIN, TEST, (1, "b", "c", "d", "e"))).classes == ("1", "b", "c", "d", "e")
    assert inspect(((TRAIN[0][:, :1], TRAIN[1]), TEST)).channels == 1


def test_the_fingerprint_is_that_of_everything_and_of_nothing_else() -> None:
    plain = inspect((TRAIN, TEST))
    as_arrays = tuple((pixels.numpy(), labels.tolist()) for pixels, labels in (TRAIN, TEST))
    assert inspect(as_arrays) == plain
    assert inspect(((TRAIN[0].to(memory_format=torch.channels_last), TRAIN[1].int()), TEST)) == plain
    brighter, turned = TRAIN[0].clone(), TRAIN[1].flip(0)
    brighter[4, 2, 3, 1] += 1
    others = [
        ((brighter, TRAIN[1]), TEST),
        ((TRAIN[0], turned), TEST),
        (TRAIN, (TEST[0] + 1, TEST[1])),
        (TRAIN, (TEST[0], TEST[1].flip(0))),
        (TEST, TRAIN),
        (TRAIN, TEST, ("a", "b", "c", "d")),
        (TRAIN, TEST, ("a", "b", "d", "c")),
        ((TRAIN[0].view(5, 3, 2, 4), TRAIN[1]), TEST),
    ]
    digests = [inspect(found).fingerprint for found in others]
    assert len({plain.fingerprint, *digests}) == len(others) + 1


def test_the_function_gets_settings_and_folder_once_and_its_images_are_resized() -> None:
    calls: list[Any] = []

    def make(*given: Any) -> Any:
        calls.append(given)
        return TRAIN, TEST

    source, asked = FunctionSource("mine", make), settings("digits", image_size=8, channels=1)
    source.inspect(asked, Path("here"))
    train, test = source.load(asked, Path("here"))
    source.download(asked, Path("here"), silent)
    source.decode(asked, Path("here"), silent)
    assert calls == [(asked, Path("here"))]
    assert (train.image_shape, test.image_shape) == ((1, 8, 8), (1, 8, 8))
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 2, 1, 0, 2], [3, 1])
    assert train.labels.dtype == torch.int64


PIXELS, LABELS = TRAIN
WRONG: list[tuple[Any, str]] = [
    ([TRAIN, TEST], ": the function returns (train, test) or (train, test, classes)"),
    ((TRAIN,), ": the function returns (train, test) or (train, test, classes)"),
    ((TRAIN, TEST, ("a",), 1), ": the function returns (train, test) or (train, test, classes)"),
    (
        ((PIXELS.float(), LABELS), TEST),
        ", train: pixels are uint8 [N, 1 or 3, H, W], not torch.float32 [5, 3, 4, 2]",
    ),
    ((TRAIN, (TEST[0][0], TEST[1])), ", test: pixels are uint8 [N, 1 or 3, H, W], not torch.uint8 [3, 4, 2]"),
    ((TRAIN, (TEST[0][:, :2], TEST[1])), ", test: pixels are uint8 [N, 1 or 3, H, W], not torch.uint8 [2, 2, 4, 2]"),
    (((PIXELS, LABELS[:4]), TEST), ", train: labels are integers from 0, one for each of the images"),
    (((PIXELS, LABELS.float()), TEST), ", train: labels are integers from 0, one for each of the images"),
    (((PIXELS, LABELS - 1), TEST), ", train: labels are integers from 0, one for each of the images"),
    ((TRAIN, (TEST[0][:0], TEST[1][:0])), ", test: labels are integers from 0, one for each of the images"),
    ((TRAIN, TEST, ("a", "b", "c")), ": there are labels up to 3 and 3 classes"),
]


@pytest.mark.parametrize(("found", "message"), WRONG, ids=range(len(WRONG)))
def test_what_a_function_may_not_return_is_named(found: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        inspect(found)
    assert str(caught.value) == f"data set mine{message}"
