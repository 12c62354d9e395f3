"""ResNet (He et al., CVPR 2016), with the stem of ImageNet or one that suits pictures of a face's size."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mien.training.nets.parts import DropConnect, DropPath, SqueezeExcite, conv_norm
from mien.training.options import option

_STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


@dataclass(frozen=True, slots=True)
class Config:
    depth: int = option(18, "layers, as the paper counts them", choices=tuple(_STAGES))
    width: int = option(64, "channels of the first stage; the last has 8 times as many", low=1)
    stem: str = option(
        "face", "face: 3 × 3 without halving; imagenet: 7 × 7, halving twice", choices=("face", "imagenet")
    )
    se: bool = option(False, "squeeze and excite each block's channels")
    dropout: float = option(0.0, "share of the pooled features forgotten at each step", low=0, high=0.95)
    drop_connect: float = option(
        0.0, "share of the last layer's weights forgotten at each step", low=0, high=0.95
    )
    drop_path: float = option(
        0.0, "share of pictures that skip the last block (fewer earlier)", low=0, high=0.9
    )


class Block(nn.Module):
    """The branch, added to a shortcut; a bottleneck where ``expansion`` is 4."""

    def __init__(
        self, inputs: int, width: int, stride: int, *, expansion: int, se: bool, drop_path: float
    ) -> None:
        super().__init__()
        outputs = width * expansion
        act = nn.ReLU(inplace=True)
        if expansion == 1:
            layers = [conv_norm(inputs, width, 3, stride, act=act), conv_norm(width, outputs, 3)]
        else:  # the stride on the middle convolution, as everyone since the paper has it ("v1.5")
            layers = [
                conv_norm(inputs, width, 1, act=act),
                conv_norm(width, width, 3, stride, act=act),
                conv_norm(width, outputs, 1),
            ]
        self.branch = nn.Sequential(
            *layers, *([SqueezeExcite(outputs)] if se else []), *([DropPath(drop_path)] if drop_path else [])
        )
        same = stride == 1 and inputs == outputs
        self.shortcut: nn.Module = nn.Identity() if same else conv_norm(inputs, outputs, 1, stride)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = self.act(self.branch(x) + self.shortcut(x))
        return summed


def build(config: Config, *, size: int, channels: int, dim: int) -> nn.Module:
    expansion = 4 if config.depth >= 50 else 1
    stages = _STAGES[config.depth]
    inputs, done = config.width, 0
    blocks: list[nn.Module] = []
    for stage, count in enumerate(stages):
        for number in range(count):
            done += 1
            width = config.width * 2**stage
            stride = 2 if stage > 0 and number == 0 else 1
            drop = config.drop_path * done / sum(stages)
            blocks.append(Block(inputs, width, stride, expansion=expansion, se=config.se, drop_path=drop))
            inputs = width * expansion
    net = nn.Sequential(
        _stem(config.stem, channels, config.width),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(config.dropout),
        DropConnect(inputs, dim, config.drop_connect),
    )
    _initialise(net)
    return net


def _stem(kind: str, channels: int, width: int) -> nn.Module:
    act = nn.ReLU(inplace=True)
    if kind == "imagenet":
        return nn.Sequential(conv_norm(channels, width, 7, 2, act=act), nn.MaxPool2d(3, stride=2, padding=1))
    return conv_norm(channels, width, 3, act=act)


def _initialise(net: nn.Module) -> None:
    """He's start, and branches that begin as nothing (Goyal et al. 2017), so that deep nets start well."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(module, Block):
            last = [norm for norm in module.branch.modules() if isinstance(norm, nn.BatchNorm2d)][-1]
            nn.init.zeros_(last.weight)
