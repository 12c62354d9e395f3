"""Find faces in a picture."""
