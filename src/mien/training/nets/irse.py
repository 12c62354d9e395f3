"""IR and IR-SE, the residual nets of ArcFace (Deng et al., CVPR 2019, section 3.2.2; insightface's iresnet).

Batch normalisation before the first convolution of each branch, PReLU, one halving in every stage, and a last
map that keeps its places ("option E").
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mien.training.nets.parts import DropPath, SqueezeExcite, conv_norm, embedding_head, halved
from mien.training.options import option

_STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}


@dataclass(frozen=True, slots=True)
class Config:
    depth: int = option(50, "layers, as the field counts them", choices=tuple(_STAGES))
    width: int = option(64, "channels of the first stage; the last has 8 times as many", low=1)
    se: bool = option(False, "squeeze and excite each block's channels")
    dropout: float = option(0.0, "share of the last map forgotten at each step", low=0, high=0.95)
    drop_connect: float = option(
        0.0, "share of the last layer's weights forgotten at each step", low=0, high=0.95
    )
    drop_path: float = option(
        0.0, "share of pictures that skip the last block (fewer earlier)", low=0, high=0.9
    )


class Block(nn.Module):
    """Normalise, convolve, normalise, PReLU, convolve (halving in a stage's first block), normalise."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, se: bool, drop_path: float) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.BatchNorm2d(inputs),
            conv_norm(inputs, outputs, 3, act=nn.PReLU(outputs)),
            conv_norm(outputs, outputs, 3, stride),
            *([SqueezeExcite(outputs)] if se else []),
            *([DropPath(drop_path)] if drop_path else []),
        )
        same = stride == 1 and inputs == outputs
        self.shortcut: nn.Module = nn.Identity() if same else conv_norm(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = self.branch(x) + self.shortcut(x)
        return summed


def build(config: Config, *, size: int, channels: int, dim: int) -> nn.Module:
    stages = _STAGES[config.depth]
    inputs, done = config.width, 0
    blocks: list[nn.Module] = []
    for stage, count in enumerate(stages):
        for number in range(count):
            done += 1
            outputs, stride = config.width * 2**stage, 2 if number == 0 else 1
            drop = config.drop_path * done / sum(stages)
            blocks.append(Block(inputs, outputs, stride, se=config.se, drop_path=drop))
            inputs = outputs
    net = nn.Sequential(
        conv_norm(channels, config.width, 3, act=nn.PReLU(config.width)),
        *blocks,
        embedding_head(
            inputs, halved(size, 4), dim, dropout=config.dropout, drop_connect=config.drop_connect
        ),
    )
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return net
