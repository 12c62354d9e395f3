"""Nets that learn to draw faces, for augmentation: a generator and the discriminator that teaches it.

A generator takes (N, latent) noise and (N,) labels and answers (N, channels, size, size) in [-1, 1]; a
discriminator takes pictures and labels and answers (N,) logits, high for real. With ``classes`` of 0 labels
are ignored. A new GAN is one file here and one line below; the file has a frozen ``Config`` and
``build(config, *, size, channels, classes) -> Gan``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mien.core.errors import InputError
from mien.training.registry import Entry as GanEntry
from mien.training.registry import config_of, find_entry, load_file

if TYPE_CHECKING:
    from mien.training.gan.pair import Gan

GANS: Mapping[str, GanEntry] = {
    "dcgan": GanEntry("dcgan", "strided convolutions up and down (Radford et al. 2016)"),
    "stylegan": GanEntry("stylegan", "a small StyleGAN2: a style for every layer, and noise"),
}


def build_gan(name: str, *, size: int, channels: int, classes: int = 0, **options: Any) -> Gan:
    """Make a GAN with fresh weights.

    size: side of the pictures, 16, 32, 64 or 128.    classes: labels to draw by; 0: none.
    raises: `InputError` for an unknown GAN, option or value; `DependencyMissing` without PyTorch.
    """
    if size not in (16, 32, 64, 128) or channels < 1 or classes < 0:
        raise InputError(f"a GAN cannot draw {channels} channels of {size} pixels: use 16, 32, 64 or 128")
    module, config = config_of(__name__, find_entry(GANS, "GAN", name), f"the GAN {name}", options)
    made: Gan = module.build(config, size=size, channels=channels, classes=classes)
    return made


def gan_config(name: str) -> type[Any]:
    """The options of a GAN, as a dataclass (see `mien.training.options.describe_options`)."""
    config: type[Any] = load_file(__name__, find_entry(GANS, "GAN", name)).Config
    return config
