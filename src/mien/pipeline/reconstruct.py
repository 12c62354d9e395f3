"""One photo → a head: landmarks, fit, size, gaze, skin; everything on the way stays in the open."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.mesh import Camera, Coefficients, Mesh, Placement, TextureMap
from mien.core.types import HeadPose, Image, Landmarks, LocatedFace
from mien.detection.select import select
from mien.face3d.fit.eyes import gaze_from_irises, scale_from_irises
from mien.face3d.fit.head import FitSettings, HeadFit, fit_landmarks
from mien.face3d.fit.lips import with_closed_lips
from mien.face3d.fit.photometric import PhotometricSettings
from mien.face3d.model.basis import HeadModel, load_head_model
from mien.face3d.model.shape import eye_centres_of, vertices_of
from mien.face3d.render.rasterize import rasterize
from mien.face3d.render.shade import depth_map, normal_map, render_clay, render_textured
from mien.face3d.render.visibility import facing_cosine, visible
from mien.face3d.rig.head import RiggedHead, moved_mesh, moving_names, rig
from mien.face3d.texture.hair import hair_volume
from mien.face3d.texture.plain import plain_texture
from mien.face3d.texture.skin import skin_texture
from mien.geometry.projection import (
    camera_from_equivalent_focal_length,
    camera_from_field_of_view,
    place,
)
from mien.geometry.rotation import HEAD_TO_CAMERA, pose_of_head, rotation_from_pose
from mien.imaging.decode import Decoded
from mien.imaging.exif import equivalent_focal_length
from mien.imaging.sources import read_once
from mien.pipeline.analyze import Analyzer, source_name

UNKNOWN_VIEW = float(np.radians(35.0))
"""Diagonal field of view where nothing is known: between a phone's 75 and a portrait lens's 28 degrees."""
FORMATS = (".glb", ".obj", ".ply", ".html")
REFINEMENTS = ("photometric",)
EYEBALLS = ("eye_left", "eye_right")
FOREIGN = "a head model of your own: its skin is the photo where it was seen, mirrored and spread elsewhere"


@dataclass(frozen=True, slots=True)
class HeadSize:
    """How the millimetres were found.

    source: "iris", "ipd" (given by the user) or "unknown": the population's mean size was used.
    factor: what the mean-sized head was multiplied with.
    """

    source: str
    factor: float


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """A head from a photo, in millimetres, and everything it was made of.

    fit: coefficients, their uncertainty, camera and placement, landmarks projected back (pixels of
    ``image``).
    image: the picture the camera belongs to.    landmarks: what the network saw in it; the fit closes lips
    between which nothing shows.    size: where the scale is from.
    texture: the skin, or None.    seconds: what each step took.
    hair: (V, 3) mm by which hair lifts the scalp in the head frame of ``fit``, or None.
    """

    model: HeadModel
    fit: HeadFit
    image: Image
    landmarks: Landmarks
    size: HeadSize
    texture: TextureMap | None
    seconds: dict[str, float]
    source: str
    hair: NDArray[np.float64] | None = None

    @property
    def pose(self) -> HeadPose:
        """Where the head looks, in the camera frame."""
        return pose_of_head(self.fit.placement)

    @property
    def expression(self) -> dict[str, float]:
        """ARKit name → weight, 0..1."""
        return {n: float(w) for n, w in zip(self.model.names, self.fit.coefficients.expression, strict=True)}

    @property
    def mesh(self) -> Mesh:
        """The head with its expression, (V, 3) mm in the head frame."""
        vertices = vertices_of(self.model, self.fit.coefficients)
        if self.hair is not None:
            vertices = vertices + self.hair
        return self.model.mesh(vertices * self.size.factor)

    @property
    def placement(self) -> Placement:
        """Where the head in its final size stands in front of the camera."""
        return Placement(self.fit.placement.rotation, self.fit.placement.translation * self.size.factor)

    def rigged(self, *, neutral: bool = False, level: int = 0) -> RiggedHead:
        """The head with its 52 movements and turning eyes; ``neutral`` removes the photo's expression."""
        coefficients = self.fit.coefficients
        if neutral:
            coefficients = Coefficients(
                coefficients.identity, np.zeros_like(coefficients.expression), np.zeros((2, 2))
            )
        head = rig(self.model, coefficients, self.texture, level, self.hair)
        return _resized(head, self.size.factor)

    def save(
        self,
        path: str | Path,
        *,
        neutral: bool = False,
        camera_space: bool = False,
        level: int = 0,
    ) -> tuple[Path, ...]:
        """Write .glb, .obj (with .mtl and .png), .ply or .html; returns the files written."""
        from mien.face3d.export.glb import write_glb
        from mien.face3d.export.html import write_html
        from mien.face3d.export.obj import write_obj
        from mien.face3d.export.ply import write_ply

        target = Path(path)
        kind = target.suffix.lower()
        if kind not in FORMATS:
            raise InputError(
                f"a head is not written as {kind or 'a file without ending'}; use {', '.join(FORMATS)}"
            )
        head = self.rigged(neutral=neutral, level=level)
        if kind == ".html":
            return write_html(target, head, Path(self.source).name, self._summary())
        if kind == ".glb":
            return write_glb(target, head, self.placement if camera_space else None)
        mesh = head.posed()
        if camera_space:
            mesh = moved_mesh(mesh, self.placement)
        return (write_obj if kind == ".obj" else write_ply)(target, mesh, self.texture)

    def depth(self) -> NDArray[np.float32]:
        """Depth (H, W) of the head in the photo, mm, inf beside it."""
        return depth_map(self.mesh, self.placement, self.fit.camera, self.image.width, self.image.height)

    def normals(self) -> NDArray[np.float32]:
        """Unit normals (H, W, 3) in the camera frame, zero beside the head."""
        return normal_map(self.mesh, self.placement, self.fit.camera, self.image.width, self.image.height)

    def visibility(self) -> NDArray[np.bool_]:
        """Which vertices (V,) the photo shows."""
        mesh = self.mesh
        points = place(mesh.vertices, self.placement)
        fragments = rasterize(points, mesh.triangles, self.fit.camera, self.image.width, self.image.height)
        facing = facing_cosine(points, mesh.triangles) > 0
        return np.asarray(facing & visible(points, self.fit.camera, fragments))

    def overlay(self) -> Image:
        """The photo with the bare head drawn half transparent over the face."""
        size = self.image.width, self.image.height
        clay = render_clay(self.mesh, self.placement, self.fit.camera, *size, background=0)
        mask = clay.any(axis=2, keepdims=True)
        mixed = np.where(mask, self.image.pixels * 0.35 + clay * 0.65, self.image.pixels)
        return Image(mixed.astype(np.uint8))

    def view(self, yaw: float = 0.0, pitch: float = 0.0, size: int = 512) -> Image:
        """The head from any side, (size, size) pixels on white; radians as in `HeadPose`."""
        mesh = self.mesh
        middle = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2
        rotation = rotation_from_pose(HeadPose(yaw, pitch, 0.0)) @ HEAD_TO_CAMERA
        reach = float(np.ptp(mesh.vertices[:, 1]))
        placement = Placement(rotation, np.array([0.0, 0.0, 4 * reach]) - rotation @ middle)
        camera = Camera(3.5 * size, 3.5 * size, (size - 1) / 2, (size - 1) / 2)
        if self.texture is None:
            return Image(render_clay(mesh, placement, camera, size, size))
        return Image(
            render_textured(mesh, self.texture, placement, camera, size, size, modelling=0.8, finer=2)
        )

    def to_dict(self) -> dict[str, Any]:
        """The answer as docs describe it: pixels, radians, millimetres, seconds."""
        camera = self.fit.camera
        return {
            "source": self.source,
            "vertices": len(self.model.mean),
            "triangles": len(self.model.levels[0][0]),
            "blendshapes": len(moving_names(self.model)),
            "identity": [round(float(z), 4) for z in self.fit.coefficients.identity],
            "identity_sd": [round(float(z), 4) for z in self.fit.identity_sd],
            "expression": {name: round(w, 4) for name, w in self.expression.items()},
            "pose": {"yaw": self.pose.yaw, "pitch": self.pose.pitch, "roll": self.pose.roll},
            "camera": {
                "model": "perspective",
                "fx": camera.fx,
                "fy": camera.fy,
                "cx": camera.cx,
                "cy": camera.cy,
            },
            "scale": "mm",
            "size": {"source": self.size.source, "factor": self.size.factor},
            "residual_px": self.fit.residual,
            "seconds": sum(self.seconds.values()),
            "notes": list(self.fit.notes),
        }

    def _summary(self) -> str:
        said = "size unknown, mean used" if self.size.source == "unknown" else f"size from {self.size.source}"
        return f"{len(self.model.mean):,} vertices, residual {self.fit.residual:.1f} px, {said}"


def reconstruct(
    analyzer: Analyzer,
    source: object,
    *,
    which: str | None = None,
    ipd: float | None = None,
    focal_35mm: float | None = None,
    texture: bool = True,
    texture_size: int = 1024,
    settings: FitSettings | None = None,
    refine: str | None = None,
    model: HeadModel | None = None,
    hair: bool = True,
) -> Reconstruction:
    """Reconstruct the head in a photo.

    which: the face that is meant where there are several: "largest", "center" or its number.
    ipd: distance between the pupils in mm, where it is known.
    focal_35mm: 35-mm equivalent focal length, where the file does not say.
    refine: "photometric" lets the photo's brightness correct the shape; slower, better or worse by the light.
    model: another head model than mien's own (`mien train head-model`), on whose mesh the head then is.
    hair: lift the scalp to the hair's outline, where the photo shows one; with the skin only.
    raises: `NoFaceFound`, `AmbiguousFace`, `ImageError`, `ModelError`.
    """
    settings = _refined(settings, refine)
    once = source == "-" if isinstance(source, str) else hasattr(source, "read")
    held = read_once(source) if once else source  # a stream can be read only once, pixels and tags need two
    picture = analyzer.open(held)
    found = analyzer.find(picture)
    chosen = select(found, which, picture.image.width, picture.image.height, source_name(source))
    landmarks = analyzer.landmarker.steady(LocatedFace(picture.image, found[chosen]))
    focal = focal_35mm if focal_35mm is not None else equivalent_focal_length(held)
    camera = photo_camera(picture, focal)
    return head_from_landmarks(
        picture.image,
        landmarks,
        camera,
        source_name(source),
        ipd,
        texture_size if texture else 0,
        settings,
        model,
        hair,
    )


def _refined(settings: FitSettings | None, refine: str | None) -> FitSettings | None:
    if refine is None:
        return settings
    if refine not in REFINEMENTS:
        raise InputError(f"a head is not refined by {refine!r}; use {', '.join(REFINEMENTS)} or leave it out")
    return replace(settings or FitSettings(), photometric=PhotometricSettings())


def photo_camera(picture: Decoded, focal_35mm: float | None) -> Camera:
    """The camera of ``picture.image``; a field of view of 35 degrees where the focal length is unknown."""
    width, height = picture.image.width, picture.image.height
    if focal_35mm is None:
        return camera_from_field_of_view(width, height, UNKNOWN_VIEW)
    return camera_from_equivalent_focal_length(width, height, focal_35mm)


def head_from_landmarks(
    image: Image,
    landmarks: Landmarks,
    camera: Camera,
    source: str = "",
    ipd: float | None = None,
    texture_size: int = 1024,
    settings: FitSettings | None = None,
    model: HeadModel | None = None,
    hair: bool = True,
) -> Reconstruction:
    """The geometry path and, with a ``texture_size`` above 0, the skin."""
    own = load_head_model()
    model = own if model is None else model
    started = time.perf_counter()
    points = with_closed_lips(image.pixels, landmarks.points)
    fit = fit_landmarks(model, points, camera, settings, picture=image.pixels)
    fit = replace(fit, coefficients=_with_gaze(model, fit, landmarks))
    size, note = _head_size(model, fit, landmarks, ipd)
    fit = replace(fit, notes=(*fit.notes, *note))
    fitted = time.perf_counter()
    skin, lifted = None, None
    if texture_size and model is own:
        lifted = _hair(model, fit, image) if hair else None
        skin = _skin(model, fit, image, replace(landmarks, points=points), texture_size, lifted)
    elif texture_size:
        offsets = np.asarray(points[:, :2]) - fit.landmarks
        vertices = vertices_of(model, fit.coefficients)
        skin = plain_texture(model, vertices, fit.placement, camera, image.pixels, texture_size, offsets)
        fit = replace(fit, notes=(*fit.notes, FOREIGN))
    seconds = {"geometry": fitted - started, "texture": time.perf_counter() - fitted}
    return Reconstruction(model, fit, image, landmarks, size, skin, seconds, source, lifted)


def _hair(model: HeadModel, fit: HeadFit, image: Image) -> NDArray[np.float64] | None:
    yaw = pose_of_head(fit.placement).yaw
    vertices = vertices_of(model, fit.coefficients)
    return hair_volume(model, vertices, fit.placement, fit.camera, image.pixels, yaw)


def _skin(
    model: HeadModel,
    fit: HeadFit,
    image: Image,
    landmarks: Landmarks,
    size: int,
    hair: NDArray[np.float64] | None,
) -> TextureMap:
    vertices = vertices_of(model, fit.coefficients)
    points = np.asarray(landmarks.points[:, :2])
    return skin_texture(
        model,
        vertices if hair is None else vertices + hair,
        fit.placement,
        fit.camera,
        image.pixels,
        landmarks.irises,
        size,
        points - fit.landmarks,
        points,
    )


def _with_gaze(model: HeadModel, fit: HeadFit, landmarks: Landmarks) -> Coefficients:
    if landmarks.irises is None or not all(len(model.rows(name)) for name in EYEBALLS):
        return fit.coefficients
    centres = eye_centres_of(model, fit.coefficients.identity)
    gaze = gaze_from_irises(centres, _eye_radii(model), landmarks.irises, fit.placement, fit.camera)
    return replace(fit.coefficients, gaze=gaze)


def _eye_radii(model: HeadModel) -> NDArray[np.float64]:
    gaps = [
        np.median(np.linalg.norm(model.mean[model.rows(name)] - centre, axis=1))
        for name, centre in zip(EYEBALLS, model.eye_centres, strict=True)
    ]
    return np.array(gaps, np.float64)


def _head_size(
    model: HeadModel, fit: HeadFit, landmarks: Landmarks, ipd: float | None
) -> tuple[HeadSize, tuple[str, ...]]:
    centres = eye_centres_of(model, fit.coefficients.identity)
    if ipd is not None:
        if not 40 <= ipd <= 85:
            raise InputError(f"pupils are 40 to 85 mm apart, not {ipd:g}; give the distance in millimetres")
        return HeadSize("ipd", ipd / float(np.linalg.norm(centres[0] - centres[1]))), ()
    if landmarks.irises is not None and np.isfinite(landmarks.irises).all():
        factor = scale_from_irises(centres, landmarks.irises, fit.placement, fit.camera)
        if 0.8 < factor < 1.25:
            return HeadSize("iris", factor), ()
    return HeadSize("unknown", 1.0), ("scale unknown: the size is the population's mean",)


def _resized(head: RiggedHead, factor: float) -> RiggedHead:
    body = replace(head.body, vertices=head.body.vertices * factor)
    eyes = tuple(
        replace(eye, vertices=eye.vertices * factor, centre=eye.centre * factor) for eye in head.eyes
    )
    return replace(head, body=body, moves=head.moves * np.float32(factor), eyes=eyes)
