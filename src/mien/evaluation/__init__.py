"""Floor 4: the protocols and metrics of the field."""
