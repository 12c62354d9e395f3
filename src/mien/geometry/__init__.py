"""Floor 1: numbers without pixels."""
