"""What one face shows: one question a module."""
