"""What an attack leaves behind on its way: the margin of each image at each step, which the loop has computed anyway.

From it follow indicators of an attack that failed (Pintor et al. 2022, arXiv 2106.09947): success that was passed by, a
loss that does not move or falls, and a loss that was still rising when the steps were over.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.attacks.engine.attacked_model import compute_margin

SHORTEST = 4
"""Steps from which on the second half of a path says something about its end."""
STILL = 1e-6
"""Share of a margin by which it may change and count as unmoved."""
PathCounts = dict[str, int]


class AttackPath:
    """The logit margins of a batch before each step; only those of a first run where an attack restarts."""

    def __init__(self, length: int) -> None:
        """:param length: images of the batch."""
        self._length = length
        self._margins: list[Tensor] = []
        self._restarts: list[tuple[Tensor, Tensor]] = []

    def note(self, positions: Tensor, logits: Tensor, labels: Tensor, target_classes: Tensor | None) -> None:
        """What the model says before a step.

        :param positions: of the images that are still under attack, int64 [n].
        :param logits: float [n, classes].
        :param labels: int64 [n].
        :param target_classes: int64 [n]; null: untargeted.
        """
        margins = torch.full((self._length,), torch.nan, device=logits.device)
        margins[positions] = compute_margin(logits.detach(), labels, target_classes).float()
        self._margins.append(margins)

    def note_restart(self, found: Tensor, repeated: Tensor) -> None:
        """What one more start brought, of the images that withstood those before.

        :param found: which it fooled, bool [n].
        :param repeated: which it left exactly as the first run did, bool [n].
        """
        self._restarts.append((found, repeated))

    def count_restarts(self) -> PathCounts:
        """Of the images that the last restart attacked (`restart_images`): those that it fooled, `restart_found`, and
        those that it left exactly as the first run did, `restart_repeated`; zeros where there was none."""
        if not self._restarts:
            return dict.fromkeys(("restart_images", "restart_found", "restart_repeated"), 0)
        found, repeated = self._restarts[-1]
        counts = torch.stack([found.sum(), repeated.sum()]).tolist()
        return {"restart_images": len(found), "restart_found": counts[0], "restart_repeated": counts[1]}

    def count(self, robust: Tensor, steps: int) -> PathCounts:
        """How the paths of so many steps went; `path_images` is 0 where nothing can be said of them.

        `path_images`: robust images that were under attack to the end. Of them `silent`: were fooled on the way;
        `stuck`: their margin never moved; `backwards`: it was never above that of the start; `unfinished`: they would
        be fooled if the steps went on as long again at the pace of the second half. `fooled_on_path`: of all images,
        those that were fooled before the last step.

        :param robust: bool [N].
        """
        seen = self._margins[:steps]
        nothing = dict.fromkeys(("path_images", "silent", "stuck", "backwards", "unfinished", "fooled_on_path"), 0)
        if not seen:
            return nothing
        margins = torch.stack(seen)  # [steps, N]
        on_path = (margins > 0).any(0)
        nothing["fooled_on_path"] = int(on_path.sum())
        if len(seen) < max(steps, SHORTEST):  # everybody left, or there are too few to tell
            return nothing
        held = robust.to(margins.device) & ~margins.isnan().any(0)
        best = margins.cummax(0).values
        rise = best[-1] - best[(len(seen) - 1) // 2]
        counts = {
            "path_images": held,
            "silent": held & on_path,
            "stuck": held & ((margins - margins[0]).abs().amax(0) <= STILL * margins[0].abs()),
            "backwards": held & (best[-1] <= margins[0]),
            "unfinished": held & ~on_path & (rise > 0) & (best[-1] + rise > 0),
        }
        return nothing | {name: int(chosen.sum()) for name, chosen in counts.items()}
