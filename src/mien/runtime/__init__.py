"""Floor 1: the only importer of the inference engines."""
