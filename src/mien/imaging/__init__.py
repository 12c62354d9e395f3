"""Floor 1: pixels."""
