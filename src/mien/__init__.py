"""Face recognition and 3D face reconstruction on your own machine."""

__version__ = "0.1.0"
