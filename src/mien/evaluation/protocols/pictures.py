"""Finding a protocol's pictures on disk, whatever their extension and letter case."""

from __future__ import annotations

from pathlib import Path

from mien.core.errors import InputError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp")


class PictureFolder:
    """A folder of pictures, sorted by person (``name/name_0001.jpg``) or flat (``name_0001.jpg``).

    Each folder is listed once.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise InputError(f"{root} is no folder: give the folder of the pictures as --images")
        self._root = root
        self._folders = {child.name.lower(): child for child in sorted(root.iterdir()) if child.is_dir()}
        self._stems: dict[Path, dict[str, Path]] = {}

    def numbered(self, name: str, number: int, where: str) -> Path:
        """Find picture ``number`` of a person; ``where`` says in the error who asked.

        An exact name wins over one that differs in letter case.
        """
        folders = (self._root / name, self._folders.get(name.lower(), self._root), self._root)
        for folder in folders:
            stems = self._listing(folder)
            for stem in (f"{name}_{number:04d}", f"{name}_{number}"):
                path = stems.get(stem, stems.get(stem.lower()))
                if path is not None:
                    return path
        raise InputError(
            f"{where}: there is no picture {name}/{name}_{number:04d} (jpg, png or webp) under {self._root}; "
            "check --images"
        )

    def _listing(self, folder: Path) -> dict[str, Path]:
        """Map exact and lower-case stems to files; on a clash the first in alphabetical order stays."""
        if folder not in self._stems:
            children = sorted(folder.iterdir()) if folder.is_dir() else []
            files = [path for path in children if path.suffix.lower() in EXTENSIONS]
            lower = {path.stem.lower(): path for path in reversed(files)}
            self._stems[folder] = lower | {path.stem: path for path in reversed(files)}
        return self._stems[folder]
