"""Architectures that are worth a test that computes."""

from __future__ import annotations

from tasks.models.registry import ARCHITECTURES

LIKE_ANOTHER = ("28-10", "34-10", "70-16", "wide_resnet50_2", "vgg16", "resnet34")
"""Ends of names of networks that are larger and else the same as one that is tried, here or in test_zoo_files.py."""


def list_distinct_architectures() -> list[str]:
    """Names of the registry without those that are another in large."""
    return [name for name in ARCHITECTURES if not name.endswith(LIKE_ANOTHER)]
