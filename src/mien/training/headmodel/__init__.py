"""Train a head model from registered shapes: same triangles, different people."""
