"""Recognise with a network of your own: python examples/own_model.py mynet.onnx a.jpg b.jpg

A card, one TOML file beside the network, describes it; docs/models.md lists the keys.
"""

import hashlib
import sys
from pathlib import Path

import mien

CARD = """
name = "{network.stem}"
file = "{network.name}"
sha256 = "{sha256}"
size = {size}
task = "embed"
format = "onnx"
licence = "my own"
commercial = true
origin = "trained here"
template = "arcface"
dimension = 128
preprocess = {{ width = 112, height = 112 }}
"""


def main(network: Path, a: str, b: str) -> None:
    data, card = network.read_bytes(), network.with_suffix(".toml")
    sha256 = hashlib.sha256(data).hexdigest()
    card.write_text(CARD.format(network=network, sha256=sha256, size=len(data)), encoding="utf-8")
    own = mien.Analyzer(mien.configure(models=str(card)))
    first, second = (own.analyze(photo, only=["embedding"])[0].embedding for photo in (a, b))
    print(f"similarity by {card.stem}: {float(first.vector @ second.vector):.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:4])
