"""A small vision transformer for images of any size.

Dosovitskiy et al. 2021 (arXiv 2010.11929), in the size of DeiT-Ti (Touvron et al. 2021, 2012.12877), with the mean of
all tokens instead of a class token, and with positions by a depthwise convolution (Chu et al. 2021, 2102.10882), which
needs to know no image size.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn


class Attention(nn.Module):
    """Self-attention with several heads, written out: it has a second derivative on every device."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens, float [N, tokens, width], as the result."""
        query, key, value = (
            layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        weights = (query @ key.transpose(2, 3) * self.scale).softmax(3)
        return cast(Tensor, self.out((weights @ value).transpose(1, 2).flatten(2)))


class Layer(nn.Module):
    """Attention and two linear layers, each behind a layer norm and beside a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.wide = nn.Linear(width, 4 * width)
        self.gelu = nn.GELU()
        self.narrow = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens, float [N, tokens, width], as the result."""
        h = x + self.attention(self.norm1(x))
        return cast(Tensor, h + self.narrow(self.gelu(self.wide(self.norm2(h)))))


class VisionTransformer(nn.Module):
    """Patches of 4x4 pixels with the cifar stem, of 16x16 with the imagenet stem."""

    def __init__(self, channels: int, classes: int, stem: str, *, width: int, depth: int, heads: int) -> None:
        super().__init__()
        patch = 4 if stem == "cifar" else 16
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.positions = nn.Conv2d(width, width, 3, 1, 1, groups=width)
        self.layers = nn.Sequential(*(Layer(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised images, float [N, channels, H, W] -> logits, float [N, classes]."""
        h = self.patches(x)
        h = h + self.positions(h)
        tokens = self.layers(h.flatten(2).transpose(1, 2))
        return cast(Tensor, self.head(self.norm(tokens).mean(1)))


def vit_tiny(channels: int, classes: int, stem: str) -> nn.Module:
    """5.3 million parameters for ten classes; takes [N, channels, H, W], returns logits [N, classes]."""
    return VisionTransformer(channels, classes, stem, width=192, depth=12, heads=3)
