"""ViT (Dosovitskiy et al., ICLR 2021): a transformer over square patches of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.errors import InputError
from mien.training.nets.parts import DropConnect, DropPath
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    patch: int = option(8, "side of a patch, in pixels; the picture's side is a multiple of it", low=2)
    width: int = option(192, "numbers a token; a multiple of the heads", low=1)
    depth: int = option(6, "transformer blocks", low=1)
    heads: int = option(3, "attention heads", low=1)
    mlp: float = option(4.0, "units of a block's inner layer over its width", low=0.5)
    pool: str = option("mean", "mean: of all patches; token: what a token of its own gathers",
                       choices=("mean", "token"))  # fmt: skip
    dropout: float = option(0.0, "share of each block's inner units forgotten at each step", low=0, high=0.95)
    drop_connect: float = option(
        0.0, "share of the last layer's weights forgotten at each step", low=0, high=0.95
    )
    drop_path: float = option(
        0.0, "share of pictures that skip the last block (fewer earlier)", low=0, high=0.9
    )


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        count, tokens, width = x.shape
        split = self.qkv(x).reshape(count, tokens, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        seen = functional.scaled_dot_product_attention(query, key, value)
        mixed: Tensor = self.out(seen.transpose(1, 2).reshape(count, tokens, width))
        return mixed


class Block(nn.Module):
    """Attention, then an inner layer for each token; both on normalised input, added to what came in."""

    def __init__(self, config: Config, drop_path: float) -> None:
        super().__init__()
        width, inner = config.width, max(int(config.width * config.mlp), 1)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, config.heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, inner), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(inner, width)
        )
        self.skip: nn.Module = DropPath(drop_path) if drop_path else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.skip(self.attention(self.norm1(x)))
        out: Tensor = x + self.skip(self.mlp(self.norm2(x)))
        return out


class ViT(nn.Module):
    """Learned places are added to the patches; the features are one linear layer over the pooled tokens."""

    def __init__(self, config: Config, size: int, channels: int, dim: int) -> None:
        super().__init__()
        width, patches = config.width, (size // config.patch) ** 2
        self.by_token = config.pool == "token"
        self.patches = nn.Conv2d(channels, width, config.patch, config.patch)
        self.places = nn.Parameter(torch.zeros(1, patches + self.by_token, width))
        self.token = nn.Parameter(torch.zeros(1, 1, width)) if self.by_token else None
        drops = [config.drop_path * (number + 1) / config.depth for number in range(config.depth)]
        self.blocks = nn.Sequential(*[Block(config, drop) for drop in drops])
        self.norm = nn.LayerNorm(width)
        self.features = DropConnect(width, dim, config.drop_connect)
        self.apply(_initialise)
        nn.init.trunc_normal_(self.places, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        tokens: Tensor = self.patches(x).flatten(2).transpose(1, 2)
        if self.token is not None:
            tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1)
        seen: Tensor = self.norm(self.blocks(tokens + self.places))
        features: Tensor = self.features(seen[:, 0] if self.by_token else seen.mean(1))
        return features


def build(config: Config, *, size: int, channels: int, dim: int) -> nn.Module:
    if size % config.patch:
        raise InputError(
            f"{size} pixels cannot be cut into patches of {config.patch}: choose one that divides it"
        )
    if config.width % config.heads:
        raise InputError(
            f"{config.width} numbers a token cannot be shared by {config.heads} heads: choose a multiple"
        )
    return ViT(config, size, channels, dim)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
