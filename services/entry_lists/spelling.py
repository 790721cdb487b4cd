"""Texts as they are compared and shown: names in lists differ in case, accents, blanks and punctuation."""

from schemas.names import without_accents

SHOWN_CHARS = 60  # of a name or value in a message


def plain(text: str) -> str:
    """Return the letters and digits of a text, without case and accents."""
    return "".join(char for char in without_accents(text).lower() if char.isalnum())


def shown(text: str) -> str:
    """Return a name or value for a message: in one line, printable, and not longer than a message is."""
    flat = "".join(char for char in " ".join(text.split()) if char.isprintable())
    return flat if len(flat) <= SHOWN_CHARS else f"{flat[:SHOWN_CHARS]}..."
