"""Random numbers that depend on what they are for, and on nothing else."""

from __future__ import annotations

import hashlib

import torch


def derive_seed(*purpose: object) -> int:
    """A seed of 63 bits for a purpose such as `(seed, "train", "order")`."""
    return int.from_bytes(hashlib.sha256(repr(purpose).encode()).digest()[:8], "big") >> 1


def make_generator(*purpose: object) -> torch.Generator:
    """A generator on the CPU, seeded for this purpose."""
    return torch.Generator().manual_seed(derive_seed(*purpose))
