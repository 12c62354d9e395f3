"""Landmarks to camera, pose, identity and expression."""
