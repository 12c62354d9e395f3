"""A generator's weights on disk."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from mien.core.errors import ModelCorrupt


def save_generator(generator: nn.Module, path: Path) -> None:
    """Write the weights as safetensors; `load_generator` reads them into a net that was built alike."""
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in generator.state_dict().items()}, path)


def load_generator(generator: nn.Module, path: Path) -> nn.Module:
    """Fill a freshly built generator; raises `ModelCorrupt` where the file is not of such a one."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        generator.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ModelCorrupt(
            f"{path} does not fit this generator: build it as it was trained ({error})"
        ) from error
    return generator.eval().requires_grad_(False)
