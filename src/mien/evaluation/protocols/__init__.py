"""Readers of evaluation protocols: one file a format, each yields cases."""
