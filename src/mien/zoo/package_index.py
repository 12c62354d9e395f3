"""The user's own Python package index, through pip: its mirrors, proxies, certificates and cache apply.

Nothing from the index is installed, imported or run.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

Progress = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all), those of the archive where one carries the file."""

# A card names one data file, the same in every wheel of a release: ask for one fixed kind of wheel, so that
# the answer does not depend on this machine's system and Python.
_ONE_KIND = ("--platform=manylinux2014_x86_64", "--python-version=311", "--implementation=cp")


class SourceFailed(Exception):
    """This source did not give the file; the message says why."""


def download_wheel(requirement: str, folder: Path, report: Progress) -> Path:
    """Put the wheel of ``package==version`` into an empty folder.  raises: `SourceFailed`."""
    _pip(["--dest", str(folder), *_ONE_KIND, requirement], folder, report)
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise SourceFailed(f"pip left {len(wheels)} wheels instead of one")
    return wheels[0]


def find_sdist(requirement: str) -> str:
    """The address of the source archive of ``package==version``.  raises: `SourceFailed`.

    Downloading it with pip would run its setup.py, so pip is only asked where it is: told to take wheels
    alone, it lists the source archives that it skips.
    """
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        said = _pip_output(["-vv", "--dest", folder, requirement], Path(folder))
    return sdist_link(said, requirement)


def sdist_link(said: str, requirement: str) -> str:
    """The address of a release's source archive, from what ``pip download -vv --only-binary=:all:`` says."""
    name, version = requirement.split("==")
    stem = re.sub(r"[-_.]+", "[-_.]+", name)
    wanted = re.compile(rf"{stem}-{re.escape(version)}\.tar\.gz", re.IGNORECASE)
    for link in re.findall(r"No sources permitted for [^:]+: (\S+)", said):
        parts = urlsplit(link)
        if wanted.fullmatch(unquote(parts.path.rsplit("/", 1)[-1])) and parts.scheme in ("https", "file"):
            return str(link)
    raise SourceFailed(_pip_reason(said))


def _pip_command(arguments: list[str]) -> list[str]:
    if importlib.util.find_spec("pip") is None or not sys.executable:
        raise SourceFailed("pip is not installed in this Python (`python -m ensurepip` brings it)")
    base = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    return [*base, "--disable-pip-version-check", *arguments]


def _pip_output(arguments: list[str], folder: Path) -> str:
    # pip runs in the empty folder, so that no pip.py of the user's current folder is run in its place.
    result = subprocess.run(
        _pip_command(arguments), cwd=folder, capture_output=True, text=True, errors="replace"
    )
    return result.stdout + result.stderr


def _pip(arguments: list[str], folder: Path, report: Progress) -> None:
    """Run ``pip download``; the user's own index, proxy and cache settings apply."""
    bar = ["--progress-bar=raw"] if _pip_counts() else ["--progress-bar=off"]
    with (
        tempfile.TemporaryFile("w+", errors="replace", prefix="mien-") as errors,
        subprocess.Popen(
            _pip_command([*bar, *arguments]),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        ) as running,
    ):
        try:
            for line in running.stdout or ():
                if found := re.match(r"Progress (\d+) of (\d+)", line):
                    report(int(found[1]), int(found[2]))
        except BaseException:
            running.kill()
            raise
        if running.wait() != 0:
            errors.seek(0)
            raise SourceFailed(_pip_reason(errors.read()))


def _pip_counts() -> bool:
    # "Progress N of M" lines came with pip 24.1.
    digits = re.findall(r"\d+", importlib.metadata.version("pip"))[:2]
    return [int(d) for d in digits] >= [24, 1]


def _pip_reason(said: str) -> str:
    lines = [line.removeprefix("ERROR: ").strip() for line in said.splitlines() if line.startswith("ERROR: ")]
    return f"pip says: {lines[-1]}" if lines else "pip found no such release"
