"""Config to ready objects: the one place that knows which class runs which card."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from mien.attributes.network import Asked, AttributeNetwork, LivenessNetwork
from mien.core.errors import UnknownModel
from mien.core.protocols import Detector
from mien.core.report import FINDINGS
from mien.detection.centerface import CenterFace
from mien.detection.search import Rung, Search
from mien.detection.second_look import FAINT, SHEET, VIEW, SecondLook
from mien.detection.sharpen import CROP, Sharpen
from mien.detection.yunet import YuNet
from mien.embedding.embedder import NetworkEmbedder
from mien.embedding.fuse import JOINT, fusion_of
from mien.landmarks.iris import IrisFinder
from mien.landmarks.mesh468 import FaceMesh
from mien.landmarks.points import PointNetwork
from mien.pipeline.answers import Answers
from mien.pipeline.config import Config
from mien.pipeline.embed import FaceEmbedder
from mien.pipeline.networks import Networks

# The looks and their thresholds as measured by benchmarks/studies/detection_*.py: upright pictures gain
# nothing below 0.6, faces that the frame cuts into are found in a black margin, turned looks invent faces
# below 0.75, CenterFace does not from 0.5 on and sees the profiles and the tilts that YuNet misses.
UPRIGHT, PADDED, TURNED, CENTERFACE = 0.6, 0.5, 0.75, 0.5
MARGIN = 0.25
QUARTER_TURNS, EIGHTH_TURNS, UPSIDE_DOWN = (2, 6, 4), (1, 7, 3, 5), (4,)
HARDER = ("yunet", "centerface")  # what looks again where the profile's detector finds nobody
LEAST_SIDE = 320  # smaller pictures are enlarged: a face of 8 pixels is found then


def every_model(config: Config) -> list[str]:
    """The cards of all networks that this configuration may open, whatever is asked and is in the picture."""
    named = [*config.model_names(FINDINGS).values(), *HARDER]
    return list(
        dict.fromkeys(part for names in named for name in names.split(",") for part in name.split(JOINT))
    )


def build_detector(config: Config, networks: Networks) -> Detector:
    """The profile's detector, and behind it the looks that are taken where it finds nothing.

    raises: `UnknownModel` for a detector that no class here runs.
    """
    sides = (LEAST_SIDE, config.profile.long_side)
    match config.profile.detector:
        case "yunet":
            network, view = networks.get("yunet"), config.profile.frame or VIEW
            first = SecondLook(
                first=YuNet(network, sides, UPRIGHT),
                closer=YuNet(network, (view, view), UPRIGHT),
                overview=YuNet(network, (SHEET, SHEET), FAINT),
                view=view,
            )
            rungs = [Rung(lambda: first)]
        case "centerface":
            rungs = [Rung(lambda: CenterFace(networks.get("centerface"), sides, CENTERFACE))]
        case other:
            raise UnknownModel(f"mien knows no detector {other!r}: choose yunet or centerface")
    return Search([*rungs, *_harder_looks(networks, config.profile.long_side)])


def _harder_looks(networks: Networks, long_side: int) -> list[Rung]:
    def yunet(long_sides: tuple[int, int], min_score: float) -> Callable[[], Detector]:
        return lambda: YuNet(networks.get("yunet"), long_sides, min_score)

    def centerface() -> Detector:
        return CenterFace(networks.get("centerface"), (LEAST_SIDE, long_side), CENTERFACE)

    return [
        Rung(yunet((LEAST_SIDE, LEAST_SIDE), PADDED), margin=MARGIN),
        Rung(yunet((LEAST_SIDE, long_side), TURNED), QUARTER_TURNS),
        Rung(yunet((LEAST_SIDE, long_side), TURNED), EIGHTH_TURNS),
        Rung(centerface),
        Rung(centerface, UPSIDE_DOWN),
    ]


def build_landmarker(config: Config, networks: Networks) -> FaceMesh:
    return FaceMesh(networks.get(config.landmarker), IrisFinder(networks.get(config.iris)))


def build_answers(config: Config, networks: Networks) -> Answers:
    """What the user's own cards add to the findings; opens each card's network."""
    opened = {
        name: networks.get(name) for name in dict.fromkeys(chain.from_iterable(config.answers.values()))
    }
    asked: tuple[Asked, ...] = tuple(
        LivenessNetwork(one) if one.card.task == "liveness" else AttributeNetwork(one)
        for one in opened.values()
    )
    return Answers(asked, PointNetwork(networks.get(config.points)) if config.points else None)


def build_embedder(config: Config, networks: Networks) -> FaceEmbedder:
    names = config.profile.embedder.split(JOINT)
    # In this order: the largest first, and last what the detector, perhaps beside us, opens anyway.
    parts = tuple(NetworkEmbedder(networks.get(name)) for name in names)
    landmarker = FaceMesh(networks.get(config.landmarker), looks=1)
    closeup = YuNet(networks.get("yunet"), (CROP, CROP), PADDED)
    return FaceEmbedder(
        parts=parts,
        views=config.profile.views,
        landmarker=landmarker,
        sharpen=Sharpen(closeup),
        fusion=fusion_of(config.profile.embedder) if len(names) > 1 else None,
    )
