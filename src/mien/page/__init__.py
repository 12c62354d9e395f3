"""Floor 2: one HTML page that holds everything it shows and opens without a network."""
