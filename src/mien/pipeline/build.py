"""Config to ready objects: the one place that knows which class runs which card."""

from __future__ import annotations

from mien.core.errors import UnknownModel
from mien.core.protocols import Detector
from mien.detection.centerface import CenterFace
from mien.detection.yunet import YuNet
from mien.landmarks.iris import IrisFinder
from mien.landmarks.mesh468 import FaceMesh
from mien.pipeline.config import Config
from mien.pipeline.networks import Networks

DETECTORS = {"yunet": YuNet, "centerface": CenterFace}


def build_detector(config: Config, networks: Networks) -> Detector:
    profile = config.profile
    if profile.detector not in DETECTORS:
        raise UnknownModel(f"mien knows no detector {profile.detector!r}: choose {', '.join(DETECTORS)}")
    network = networks.get(profile.detector)
    return DETECTORS[profile.detector](network, profile.long_side, profile.min_score)


def build_landmarker(config: Config, networks: Networks) -> FaceMesh:
    return FaceMesh(networks.get(config.landmarker), IrisFinder(networks.get(config.iris)))
