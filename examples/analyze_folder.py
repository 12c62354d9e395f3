"""Print where every face of a folder is and which way it looks: python examples/analyze_folder.py photos/"""

import math
import sys

import mien


def main(folder: str) -> None:
    for photo in mien.analyze_many(folder, only=("box", "pose")):
        if photo.error is not None:
            print(f"{photo.source}: {photo.error}")
        for face in photo.faces:
            x1, y1, x2, y2 = face.detection.box
            turned = f"{math.degrees(face.pose.yaw):+.0f}°" if face.pose else "unknown"
            print(f"{photo.source}: a face of {x2 - x1:.0f} × {y2 - y1:.0f} pixels, turned {turned}")


if __name__ == "__main__":
    main(sys.argv[1])
