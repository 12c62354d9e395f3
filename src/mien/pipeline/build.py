"""Config to ready objects: the one place that knows which class runs which card."""

from __future__ import annotations

from functools import partial

from mien.core.errors import UnknownModel
from mien.core.protocols import Detector
from mien.detection.centerface import CenterFace
from mien.detection.search import Rung, Search
from mien.detection.yunet import YuNet
from mien.landmarks.iris import IrisFinder
from mien.landmarks.mesh468 import FaceMesh
from mien.pipeline.config import Config
from mien.pipeline.embed import FaceEmbedder
from mien.pipeline.networks import Networks

# Measured on turned, tiny, cut-off and tight pictures (benchmarks/studies/detection_*.json): an upright look
# is trusted from 0.6 on, a turned one only from 0.75 on, CenterFace from 0.5 on in any position.
UPRIGHT, TURNED, CENTERFACE = 0.6, 0.75, 0.5
QUARTER_TURNS, EIGHTH_TURNS = (2, 6, 4), (1, 7, 3, 5)


def build_detector(config: Config, networks: Networks) -> Detector:
    """The profile's detector, and behind it the looks that are taken where it finds nothing."""
    profile = config.profile
    yunet = partial(_yunet, networks)
    centerface = partial(_centerface, networks, profile.long_side)
    last = [Rung(centerface), Rung(centerface, QUARTER_TURNS)]
    match profile.detector:
        case "yunet":
            first = yunet(profile.long_side, UPRIGHT)
            again = [Rung(partial(yunet, side, UPRIGHT)) for side in (320, 160) if side != profile.long_side]
            turned = partial(yunet, profile.long_side, TURNED)
            return Search(
                [Rung(lambda: first), *again, Rung(turned, QUARTER_TURNS), Rung(turned, EIGHTH_TURNS), *last]
            )
        case "centerface":
            return Search([*last[:1], Rung(partial(yunet, 160, UPRIGHT)), *last[1:]])
    raise UnknownModel(f"mien knows no detector {profile.detector!r}: choose yunet or centerface")


def _yunet(networks: Networks, long_side: int, min_score: float) -> Detector:
    return YuNet(networks.get("yunet"), long_side, min_score)


def _centerface(networks: Networks, long_side: int) -> Detector:
    return CenterFace(networks.get("centerface"), long_side, CENTERFACE)


def build_landmarker(config: Config, networks: Networks) -> FaceMesh:
    return FaceMesh(networks.get(config.landmarker), IrisFinder(networks.get(config.iris)))


def build_embedder(config: Config, networks: Networks) -> FaceEmbedder:
    return FaceEmbedder(networks.get(config.profile.embedder))
