"""Move a face onto a template."""
