"""Entry lists as race offices have them, from bytes to entries: pure. `reading.py` is where to begin."""
