"""Floor 1: model cards and the model store."""
