"""The skin of the head from the photo."""
