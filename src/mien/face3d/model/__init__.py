"""The head model: read it, shape it, look up its topology."""
