"""Keep templates secret, revocable and no longer than agreed."""
