"""Triangles to pixels, on the CPU, with NumPy alone."""
