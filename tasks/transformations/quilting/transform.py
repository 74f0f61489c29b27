"""Quilt images of patches of training images (Efros and Freeman 2001, Image quilting for texture synthesis and
transfer; as a defence Guo et al. 2018, arXiv 1711.00117, section 4.3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.arithmetic import STEADY_ROWS
from tasks.errors import StageError
from tasks.seeds import make_generator
from tasks.transformations.draws import Draws
from tasks.transformations.quilting.settings import QuiltingSettings


def quilt_images(pixels: Tensor, settings: QuiltingSettings, draws: Draws) -> Tensor:
    """Float [N, C, H, W] as the pixels: from the upper left on, patches that meet along seams of least error.

    :raises StageError: the images are smaller than a patch.
    """
    if min(pixels.shape[-2:]) < settings.patch:
        raise StageError(f"quilting: patches of {settings.patch} pixels are larger than the images")
    known = draws.prepare(lambda images: sample_patches(images, settings)).to(pixels)
    rows, columns = (list_places(size, settings) for size in pixels.shape[-2:])
    chosen = (draws.draw_uniform(len(rows) * len(columns)) * settings.neighbours).long()
    out, side, turn = pixels.clone(), settings.patch, 0
    for row in rows:
        for column in columns:
            window = (slice(None), slice(None), slice(row, row + side), slice(column, column + side))
            nearest = find_nearest(pixels[window], known, settings.neighbours)
            fresh = known[nearest.gather(1, chosen[:, turn, None])[:, 0]]
            out[window] = stitch(out[window], fresh, settings.overlap, above=row > 0, left=column > 0)
            turn += 1
    return out


def list_places(size: int, settings: QuiltingSettings) -> list[int]:
    """Where patches begin along a side of so many pixels; the last ends with the side."""
    step = settings.patch - settings.overlap
    places = list(range(0, size - settings.patch + 1, step))
    return places if places[-1] == size - settings.patch else [*places, size - settings.patch]


def sample_patches(images: Tensor, settings: QuiltingSettings) -> Tensor:
    """Patches from random places of training images, always the same of the same images; float [D, C, side, side].

    :param images: float [M, C, H, W].
    """
    drawn = torch.rand(settings.database, 3, generator=make_generator("quilting"))
    rooms = torch.tensor([len(images), *(size - settings.patch + 1 for size in images.shape[-2:])])
    index, row, column = (drawn * rooms).long().to(images.device).unbind(1)
    reach = torch.arange(settings.patch, device=images.device)
    down, across = (row[:, None] + reach)[:, :, None], (column[:, None] + reach)[:, None, :]
    return images[index[:, None, None], :, down, across].permute(0, 3, 1, 2).contiguous()


def find_nearest(wanted: Tensor, known: Tensor, count: int) -> Tensor:
    """The patches [D, C, S, S] nearest to each wanted one [N, C, S, S] in L2, nearest first; int64 [N, count]."""
    missing = max(0, STEADY_ROWS - len(wanted))
    ours, theirs = F.pad(wanted.flatten(1), (0, 0, 0, missing)), known.flatten(1)
    distance = (theirs.square().sum(1) - 2 * ours @ theirs.T)[: len(wanted)]  # without what all patches share
    return distance.topk(min(count, len(known)), dim=1, largest=False).indices


def stitch(old: Tensor, fresh: Tensor, overlap: int, *, above: bool, left: bool) -> Tensor:
    """The fresh patches over the old ones, [N, C, S, S] each; where they overlap, the old stand up to the best seam."""
    error = (old - fresh).square().sum(1)
    keep = torch.zeros_like(error, dtype=torch.bool)
    if left:
        keep[:, :, :overlap] |= find_seam(error[:, :, :overlap])
    if above:
        keep[:, :overlap] |= find_seam(error[:, :overlap].transpose(1, 2)).transpose(1, 2)
    return torch.where(keep[:, None], old, fresh)


def find_seam(error: Tensor) -> Tensor:
    """What lies before the path of least error from the first row to the last, which moves by one place a row at most.

    :param error: float [N, S, O].
    :return: bool [N, S, O].
    """
    rows, width = error.shape[1:]
    total, moves = error[:, 0], []
    for row in range(1, rows):
        near = F.pad(total, (1, 1), value=torch.inf).unfold(1, 3, 1)
        least, move = near.min(2)
        moves.append(move - 1)
        total = error[:, row] + least
    place = total.argmin(1)
    path = [place]
    for move in reversed(moves):
        place = place + move.gather(1, place[:, None])[:, 0]
        path.append(place)
    places = torch.stack(path[::-1], 1)
    return torch.arange(width, device=error.device) < places[:, :, None]
