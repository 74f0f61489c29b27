"""Tensors leave a device together, as they were."""

from __future__ import annotations

import torch

from tasks.transfer import fetch, send


def test_what_is_fetched_is_as_it_was() -> None:
    tensors = {
        "weights": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "count": torch.tensor(3),
        "part": torch.arange(12.0).view(3, 4)[:, 1:3],
    }
    found = fetch(tensors)
    assert found.keys() == tensors.keys()
    for name, value in tensors.items():
        assert torch.equal(found[name], value)
        assert found[name].is_contiguous()


def test_on_the_host_nothing_is_copied() -> None:
    values = torch.arange(4)
    assert send(values, torch.device("cpu")) is values
