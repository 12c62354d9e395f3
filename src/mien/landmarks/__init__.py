"""Find the points of a face."""
