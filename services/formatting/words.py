"""Short texts for people: places and lists. Pure."""

from collections.abc import Sequence


def place_text(place: int, tied: bool) -> str:
    """Return a place as it is announced: `=3` where others share it."""
    return f"={place}" if tied else str(place)


def join_words(words: Sequence[str]) -> str:
    """Return `a`, `a and b`, or `a, b and c`. There must be at least one word."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
