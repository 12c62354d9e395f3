"""What works on this machine, what does not, and how to mend it: the findings behind `mien doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from mien import __version__
from mien.core.errors import MienError
from mien.pipeline.build import every_model
from mien.pipeline.config import Config
from mien.pipeline.networks import Networks
from mien.runtime.choose import ENGINES
from mien.runtime.machine import cores, processor
from mien.zoo.folder import is_offline, models_folder
from mien.zoo.registry import card
from mien.zoo.store import is_cached

OPTIONAL = {
    "simplejpeg": "JPEG is decoded faster with it",
    "pillow-heif": "HEIC pictures need it (--formats heic)",
    "ai-edge-litert": "runs the landmark models where OpenVINO does not install",
}
ROOM_FOR_MODELS = 500e6  # bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """state: "ok", "note" (works, could be better) or "bad".    cure: what to do about it, if anything."""

    topic: str
    state: str
    says: str
    cure: str = ""

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


def checkup(config: Config, networks: Networks) -> Iterator[Finding]:
    """Look at the machine, the engines and every model of the profile, which is fetched if it can be."""
    yield Finding("mien", "ok", f"{__version__} on Python {platform.python_version()}, {platform.platform()}")
    yield Finding("processor", "ok", f"{processor()}, {cores()} cores used (MIEN_THREADS changes that)")
    yield from _engines()
    yield from _folders(config)
    for name in every_model(config):
        yield _model(name, networks)
    yield from _optional()


def _engines() -> Iterator[Finding]:
    for name, engine in ENGINES.items():
        found = engine.version()
        if found is not None:
            yield Finding(f"engine {name}", "ok", f"version {found}")
        elif name == "openvino":
            yield Finding(
                f"engine {name}", "note", "not installed; models run slower", "pip install openvino"
            )
    if all(engine.version() is None for engine in ENGINES.values()):
        yield Finding("engines", "bad", "none is installed, nothing can run", "pip install openvino")


def _folders(config: Config) -> Iterator[Finding]:
    for topic, folder, variable in (
        ("models folder", models_folder(), "MIEN_MODELS"),
        ("cache folder", config.cache, "MIEN_CACHE"),
    ):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        free = shutil.disk_usage(there).free
        if not os.access(there, os.W_OK):
            # What is here already is used; a model that is missing says so itself.
            says = f"{folder} cannot be written: nothing new is kept there"
            yield Finding(topic, "note", says, f"set {variable} to another folder")
        elif free < ROOM_FOR_MODELS:
            yield Finding(
                topic, "note", f"{folder} has {free / 1e6:.0f} MB left", f"make room or set {variable}"
            )
        else:
            yield Finding(topic, "ok", f"{folder}, {free / 1e9:.0f} GB free")
    if is_offline():
        yield Finding("network", "note", "switched off by MIEN_OFFLINE", "unset it to fetch models")


def _model(name: str, networks: Networks) -> Finding:
    try:
        here = is_cached(card(name))
        opened = networks.get(name)
    except MienError as error:
        return Finding(f"model {name}", "bad", str(error), f"mien models show {name}")
    decision = opened.decision
    ranked = sorted(decision.milliseconds.items(), key=lambda way: way[1])
    speeds = ", ".join(f"{way} {milliseconds:.1f} ms" for way, milliseconds in ranked)
    refused = "".join(f"; not {way}: {why}" for way, why in decision.refused.items())
    fetched = "" if here else "fetched just now; "
    says = f"{fetched}{decision.choice}: {decision.why}" + (f" ({speeds})" if speeds else "") + refused
    return Finding(f"model {name}", "ok", says)


def _optional() -> Iterator[Finding]:
    for name, use in OPTIONAL.items():
        try:
            yield Finding(f"optional {name}", "ok", f"version {version(name)}: {use}")
        except PackageNotFoundError:
            yield Finding(f"optional {name}", "note", f"not installed; {use}", f"pip install {name}")
    if sys.maxsize < 2**32:
        yield Finding("python", "bad", "32-bit Python cannot hold the models", "install a 64-bit Python")
