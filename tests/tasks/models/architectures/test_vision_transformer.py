"""The vision transformer: its attention is torch's, and it knows where its patches are."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from tasks.models.architectures.vision_transformer import Attention, vit_tiny


def test_attention_is_that_of_torch() -> None:
    attention, tokens = Attention(12, 3), torch.randn(2, 5, 12)
    parts = [
        layer(tokens).view(2, 5, 3, 4).transpose(1, 2) for layer in (attention.query, attention.key, attention.value)
    ]
    expected = F.scaled_dot_product_attention(*parts).transpose(1, 2).reshape(2, 5, 12)
    torch.testing.assert_close(attention(tokens), attention.out(expected))


def test_images_of_any_size_are_seen_with_their_places() -> None:
    model = vit_tiny(1, 3, "cifar").eval()
    image = torch.rand(1, 1, 8, 24)
    moved = image.roll(4, 3)
    with torch.no_grad():
        assert model(image).shape == (1, 3)
        assert not torch.allclose(model(image), model(moved), atol=1e-5), "the same patches in other places"
