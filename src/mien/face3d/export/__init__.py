"""Heads as files: one format each."""
