"""Expressions, jaw and eyes as things that move."""
