"""The one sentence for a machine without PyTorch."""

from __future__ import annotations

import importlib.util

from mien.core.errors import DependencyMissing

NEEDED = ("torch", "safetensors")


def installed(name: str) -> bool:
    """Whether a package is there, without importing it."""
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # imported as nothing, as tests do to hide it
        return False


def require_torch() -> None:
    """Raise `DependencyMissing` unless all that training needs is installed; imports none of it."""
    missing = [name for name in NEEDED if not installed(name)]
    if missing:
        raise DependencyMissing(
            f"training needs {' and '.join(missing)}, which is not installed: pip install 'mien[train]'"
        )
