"""Draw findings onto a picture."""
