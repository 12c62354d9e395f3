"""The demonstration: everything mien can do, shown on sample pictures and checked against known answers."""
