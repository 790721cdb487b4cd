"""The known names nearest to one that nobody knows: what an official probably meant."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches

NEAR_MAX = 3  # names offered
LISTED_MAX = 8  # so few known names are listed even if none is near
COMPARED_MAX = 1_000  # names compared one by one, 2 ms; of more, only those that are one edit away are looked for
LEAST_LIKENESS = 0.5  # of difflib: "10KM" and "10K" have 0.86, "11" and "1" 0.67, "hn" and "hm" 0.5
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_."


def nearest_names(name: str, known: Collection[str]) -> list[str]:
    """Return up to NEAR_MAX known names that resemble the name, most alike first."""
    if len(known) > COMPARED_MAX:
        return list(dict.fromkeys(edited for edited in _one_edit_away(name) if edited in known))[:NEAR_MAX]
    folded: dict[str, list[str]] = {}
    for other in sorted(known):
        folded.setdefault(_fold(other), []).append(other)
    if same := folded.get(_fold(name)):
        return same[:NEAR_MAX]
    close = get_close_matches(_fold(name), folded, n=NEAR_MAX, cutoff=LEAST_LIKENESS)
    return [other for match in close for other in folded[match]][:NEAR_MAX]


def hint(name: str, known: Collection[str]) -> str:
    """Return the end of a sentence about an unknown name: what was probably meant, or what is known."""
    near = nearest_names(name, known)
    if near:
        return f"; did you mean {_joined(near, 'or')}?"
    if not known:
        return "; none is known yet"
    if len(known) <= LISTED_MAX:
        return f"; known: {_joined(sorted(known), 'and')}"
    return f"; {len(known)} others are known"


def _fold(name: str) -> str:
    """Return a name without the differences that people overlook: case, leading zeros, blanks."""
    folded = name.strip().casefold()
    return folded.lstrip("0") or folded


def _one_edit_away(name: str) -> Iterator[str]:
    """Yield the names that one slip of a finger makes of this one, the likeliest first."""
    yield name.lstrip("0")
    for zeros in range(1, 4):
        yield "0" * zeros + name
    yield name.upper()
    yield name.lower()
    for index in range(len(name) - 1):
        yield name[:index] + name[index + 1] + name[index] + name[index + 2 :]
    for index in range(len(name)):
        yield name[:index] + name[index + 1 :]
    for index in range(len(name) + 1):
        for letter in _ALPHABET:
            yield name[:index] + letter + name[index + 1 :]
            yield name[:index] + letter + name[index:]


def _joined(names: list[str], conjunction: str) -> str:
    quoted = [repr(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {conjunction} {quoted[-1]}"
