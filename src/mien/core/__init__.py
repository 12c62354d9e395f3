"""Floor 0: the nouns. Imports NumPy and nothing else."""
