"""Write the figures of docs/face3d.md from benchmarks/results/geometry.json: `python -m docs.make_face3d`."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docs.make_performance import result, table

Json = dict[str, Any]

PAGE = Path(__file__).with_name("face3d.md")
BETWEEN = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- /figures -->)", re.DOTALL)
SCANS = {"lee": "man", "sven": "mannequin", "fran": "face patch"}
VIEWS = {
    "frontal": ("frontal",),
    "17 degrees": ("17 degrees", "-17 degrees"),
    "35 degrees": ("35 degrees", "-35 degrees"),
}
WAYS = {
    "ours": "**mien**",
    "ours, landmarks alone": "mien, landmarks alone",
    "ours, with brightness": "mien, `--refine photometric`",
    "eos, our head model": "eos on our head model",
    "eos, our head model, 50 rounds": "eos on our head model, 50 rounds in place of 5",
    "mediapipe points": "MediaPipe's own 3-D points",
    "ours, true landmarks": "mien, true landmarks with 2 px of noise",
}


def face3d_page() -> str:
    """The page with the figures as the committed result has them."""
    found = result("geometry")
    parts = (_scans(found["scans"]), _heads(found["heads"]), _photos(found), _cctwelve(found["cctwelve"]))
    text = f"`{found['command']}`, {found['date']}.\n\n" + "\n".join((*parts, _speed(found)))
    return BETWEEN.sub(lambda _: text, PAGE.read_text(encoding="utf-8"))


def _scans(scans: Json) -> str:
    heads = [scans[name] for name in SCANS]
    rows = [
        _row(label, [[head[name]] for head in heads])
        for name, label in (("mean head", "mean head"), ("mediapipe canonical", "MediaPipe's canonical face"))
    ]
    for view, sides in VIEWS.items():
        for name, label in WAYS.items():
            if all(name in head.get(side, {}) for head in heads for side in sides):
                rows.append(
                    _row(f"{view}: {label}", [[head[side][name] for side in sides] for head in heads])
                )
    fitted = [head["model fitted to the scan"] for head in heads]
    rows.append(["the model fitted to the scan itself", *(f"{value:.2f}" for value in fitted), ""])
    columns = ("median mm after rigid+scale (rigid only)", *SCANS.values(), "mean", "of the mean head's")
    return table(columns, [[*row, ""][:6] for row in _with_shares(rows)])


def _row(label: str, heads: list[list[Json]]) -> list[str]:
    cells = [f"{_sides(sides, 'scaled')} ({_sides(sides, 'rigid')})" for sides in heads]
    return [label, *cells, f"{statistics.fmean(side['scaled'] for sides in heads for side in sides):.2f}"]


def _sides(sides: list[Json], alignment: str) -> str:
    return ", ".join(f"{side[alignment]:.2f}" for side in sides)


def _with_shares(rows: list[list[str]]) -> list[list[str]]:
    base = float(rows[0][-1])
    return [[*row, f"{float(row[-1]) / base:.2f}" if row[-1] else ""] for row in rows]


def _heads(heads: Json) -> str:
    noise, points = heads["noise_px"], heads["points"]
    plain, photos = heads["one_pixel_noise_mm"], heads["one_pixel_noise_settings_for_photos_mm"]
    return (
        f"{heads['heads']} heads of known coefficients, {heads['views']} views, one pixel of noise: "
        f"{plain:.2f} mm to corresponding vertices of the face, ears and neck (mean head "
        f"{heads['mean_head_mm']:.2f} mm; with the settings for photos {photos:.2f} mm); "
        f"{_list(noise.values())} mm with {_list(noise, '')} px, and "
        f"{_list(points.values())} mm with {_list(points, '')} points.\n"
    )


def _list(values: Any, form: str = ".2f") -> str:
    said = [format(value, form) if form else str(value) for value in values]
    return f"{', '.join(said[:-1])} and {said[-1]}"


def _photos(found: Json) -> str:
    london = found["london"]
    moods = london["smiling_nearest_to_own_neutral_percent"]
    rows = [
        (
            "468 landmarks projected back, of the eyes' distance",
            london["reprojection_percent_of_eye_distance"],
        ),
        (
            "hand-placed points of anatomy (independent)",
            london["hand_placed_points_percent_of_eye_distance"],
        ),
        (
            "hand-placed jaw outline against the head's silhouette (independent)",
            london["jaw_outline_percent_of_eye_distance"],
        ),
        *((f"smiling photo nearest to the own neutral one: {name}", share) for name, share in moods.items()),
    ]
    columns = (f"London set, {london['people']} people", ">median or share")
    return table(columns, [(label, f"{value:.1f} %") for label, value in rows])


def _cctwelve(moods: Json) -> str:
    views = ("front", "left", "right")
    scanned = [mood for mood in moods.values() if "surface" in mood["mean head"]]
    rows: list[Sequence[object]] = []
    for name, label in WAYS.items():
        keys = [view if name == "ours" else f"{view}, {name.removeprefix('ours, ')}" for view in views]
        if all(key in mood for mood in scanned for key in keys):
            errors = [statistics.fmean(mood[key]["surface"]["scaled"] for mood in scanned) for key in keys]
            rows.append((f"scan points: {label}", *(f"{error:.2f}" for error in errors)))
    mean = statistics.fmean(mood["mean head"]["surface"]["scaled"] for mood in scanned)
    rows.append(("scan points: mean head", *[f"{mean:.2f}"] * 3))
    marks = [statistics.fmean(mood[view]["landmarks"] for mood in moods.values()) for view in views]
    rows.append(("51 expert landmarks, eight moods: mien", *(f"{mark:.2f}" for mark in marks)))
    mean = statistics.fmean(mood["mean head"]["landmarks"] for mood in moods.values())
    rows.append(("51 expert landmarks, eight moods: mean head", *[f"{mean:.2f}"] * 3))
    columns = ("`cctwelve`, median mm, mean of two moods", ">front", ">left", ">right")
    return table(columns, rows)


def _speed(found: Json) -> str:
    speed, texture = found.get("speed"), result("head_texture")
    if speed is None:
        return ""
    front, turned = (
        f"{speed[f'geometry_{view}_ms']:.0f} ms ({speed[f'geometry_{view}_ratio']:.0f} times "
        for view in ("frontal", "turned")
    )
    seconds, memory = texture["rows"]["textured GLB, 1024"]["seconds"], texture["memory MB"]["peak"]
    return (
        f"On two cores, from landmarks that are there: geometry {front}one run of the landmark network) "
        f"from the front, {turned}that) where an outline is followed; textured GLB {seconds:.2f} s with "
        f"{memory} MB at most (`python -m benchmarks.geometry --only speed`, "
        "`python -m benchmarks.head_texture`).\n"
    )


if __name__ == "__main__":
    PAGE.write_text(face3d_page(), encoding="utf-8")
