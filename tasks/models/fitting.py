"""Whether a network takes images of a size, found out on one image: with weights, or on torch's meta device without."""

from __future__ import annotations

import torch
from torch import nn

from tasks.errors import NO_MEMORY, MisfitError, Problem, StageError
from tasks.models.build import Description, build_model

SIDES = (16, 32, 64, 128, 224, 256, 384, 512)
"""Of images that are tried where smaller ones are refused, in pixels."""


def check_answer(model: nn.Module, shape: tuple[int, ...], name: str) -> None:
    """Ask for the logits of one black image; the model is left as it is.

    :param shape: of the image, [C, H, W].
    :param name: of the architecture, for the message.
    :raises StageError: it cannot take the image.
    """
    modes = {module: module.training for module in model.modules()}
    device = next((value.device for value in model.state_dict().values()), torch.device("cpu"))
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            model.eval()(torch.zeros(1, *shape, device=device))
    except Exception as error:  # whatever a network's own code raises
        if NO_MEMORY.search(str(error)):
            raise
        channels, height, width = shape
        said = str(error).strip().splitlines() or [type(error).__name__]
        what = f"images of {height}x{width} pixels and {channels} channel{'s' if channels > 1 else ''}"
        raise StageError(f"the model {name} cannot take {what}: {said[0]}") from error
    finally:
        for module, training in modes.items():
            module.training = training


def check_side(model: nn.Module, description: Description, side: int) -> None:
    """Whether a model can take square images of so many pixels a side; as a rule no weights are made.

    :param model: of this description, without weights (`sketch_model`).
    :raises MisfitError: it cannot; the message says which it can.
    """
    if _takes(model, description, side):
        return
    if least := _find_least_side(model, description, side):
        small = f"images of {side}x{side} pixels are too small for {description.name}: the smallest that it takes"
        raise MisfitError(Problem("dataset.image_size", side, f"{small} have {least}x{least}"))
    with torch.random.fork_rng(devices=[]):
        try:  # without weights it takes no image at all: that may be the reason
            check_answer(build_model(description), (description.channels, side, side), description.name)
        except StageError as error:
            raise MisfitError(Problem("dataset.image_size", side, str(error))) from error


def _takes(model: nn.Module, description: Description, side: int) -> bool:
    try:
        check_answer(model, (description.channels, side, side), description.name)
    except StageError:
        return False
    return True


def _find_least_side(model: nn.Module, description: Description, refused: int) -> int | None:
    """The smallest side above one that is refused, where any is found."""
    taken = next((side for side in SIDES if side > refused and _takes(model, description, side)), None)
    while taken is not None and taken - refused > 1:
        middle = (taken + refused) // 2
        taken, refused = (middle, refused) if _takes(model, description, middle) else (taken, middle)
    return taken
