"""Turn a face into a direction, and compare directions."""
