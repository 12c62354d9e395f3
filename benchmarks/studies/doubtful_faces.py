"""Show every detection below `SURE` with the mesh's opinion, least likely first, as a contact sheet.

    python -m benchmarks.studies.doubtful_faces SHEET.png

Reads $MIEN_SHARED/data/wild40 (research only: look, do not publish).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from PIL import Image

from mien.core.types import Box, LocatedFace
from mien.detection.doubt import SURE
from mien.imaging.sources import iter_pictures
from mien.pipeline.analyze import Analyzer

TILE, COLUMNS = 108, 12


def main() -> None:
    analyzer = Analyzer()
    folder = Path(os.environ.get("MIEN_SHARED", "../shared")) / "data" / "wild40"
    rows: list[tuple[float, float, str, Box]] = []
    for name in iter_pictures(folder):
        picture = analyzer.open(name)
        for face in analyzer.detector.detect(picture.image):
            if face.score < SURE:
                mesh = analyzer.landmarker.locate(LocatedFace(picture.image, face))
                rows.append((mesh.presence, face.score, name, face.box))
    rows.sort(key=lambda row: row[0])
    sheet = Image.new("RGB", (COLUMNS * TILE, -(-len(rows) // COLUMNS) * TILE))
    for i, (presence, score, name, box) in enumerate(rows):
        print(f"{i:3d}  presence {presence:.4f}  score {score:.2f}  width {box.width:4.0f}  {name}")
        margin = 0.3 * max(box.width, box.height)
        around = (box.x1 - margin, box.y1 - margin, box.x2 + margin, box.y2 + margin)
        tile = Image.open(name).convert("RGB").crop(tuple(map(round, around))).resize((TILE, TILE))
        sheet.paste(tile, (i % COLUMNS * TILE, i // COLUMNS * TILE))
    sheet.save(sys.argv[1])


if __name__ == "__main__":
    main()
