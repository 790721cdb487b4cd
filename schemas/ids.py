"""Identifiers, instants and bounded text: the smallest types of the schemas, with their limits.

Limits are declared to msgspec, so that a decoder refuses a faulty value, and names its path, before other code sees
it. `matline schema` prints the limits for people who write gateways.
"""

from typing import Annotated

from msgspec import Meta

# `(?![\s\S])` ends the text in Python and in ECMAScript alike; `$` would let a trailing line break pass in Python.
SLUG_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?![\s\S])"
Slug = Annotated[str, Meta(pattern=SLUG_PATTERN, description="An id: letters, digits, `.`, `_`, `-`; 1-64 characters.")]

US = 1_000_000  # microseconds in a second
# Exact in JavaScript and far from overflow when offsets and durations are added: +-2^52 us is 142 years around 1970.
INSTANT_MAX_US = 2**52
InstantUs = Annotated[
    int, Meta(ge=-INSTANT_MAX_US, le=INSTANT_MAX_US, description="Microseconds since 1970-01-01 UTC, or of a duration.")
]

LABEL_CHARS = 32  # R1: bib and chip are 1-32 characters
LABEL_RAW_CHARS = 64  # before stripping: room for a gateway's blank padding
NAME_CHARS = 200
REASON_CHARS = 1000
FACT_ID_CHARS = 64  # R1

ATHLETE_CASES = ("missed", "reads_after", "after_close")  # kinds of cases about one athlete: `kind:bib`
TOGETHER = "together"  # the kind of cases about two athletes: `together:bib:bib`

Label = Annotated[str, Meta(min_length=1, max_length=LABEL_RAW_CHARS)]
DeviceId = Annotated[str, Meta(min_length=1, max_length=64)]
GatewayId = Annotated[str, Meta(min_length=1, max_length=64)]
SessionId = Annotated[str, Meta(min_length=1, max_length=128)]
FactId = Annotated[str, Meta(min_length=1, max_length=FACT_ID_CHARS)]
Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS)]
Text = Annotated[str, Meta(max_length=NAME_CHARS)]
Reason = Annotated[str, Meta(max_length=REASON_CHARS)]
CaseName = Annotated[str, Meta(min_length=1, max_length=400)]
BirthYear = Annotated[int, Meta(ge=1900, le=2100)]
Nationality = Annotated[str, Meta(pattern=r"^[A-Za-z]{3}(?![\s\S])", description="Three letters.")]


def label(value: str, what: str) -> str:
    """Return a bib or chip as the log holds it: stripped, upper-cased, 1-32 printable characters. Source: R1.

    Raises ValueError naming `what` when the stripped text is empty, too long or holds a control character.
    """
    text = value.strip().upper()
    if not text or len(text) > LABEL_CHARS:
        raise ValueError(f"{what} {value!r} has {len(text)} characters; it takes 1 to {LABEL_CHARS}")
    if not text.isprintable():
        raise ValueError(f"{what} {value!r} holds a control character; remove it")
    return text


def case_name(value: str) -> str:
    """Return a case's name with its bibs stripped and upper-cased. Source: R1.7.

    Team cases keep the team's spelling: teams are names, not labels.
    """
    kind, colon, rest = value.strip().partition(":")
    if colon and kind in ATHLETE_CASES:
        return f"{kind}:{rest.strip().upper()}"
    if colon and kind == TOGETHER:
        bibs = [part.strip().upper() for part in rest.split(":")]
        # With another colon in it, a bib may have blanks beside that; then only the ends are certain.
        return f"{kind}:{':'.join(bibs) if len(bibs) == 2 else rest.strip().upper()}"
    return value.strip()


def together_name(bib: str, other: str) -> str:
    """Return the name of the case about two athletes whose chips may be carried together. Source: R4.10."""
    return ":".join((TOGETHER, *sorted((bib, other), key=bib_order)))


def case_pairs(name: str) -> list[tuple[str, str]]:
    """Return the pairs of bibs that a case `together` may be about: several if a bib has a colon; else none."""
    kind, _, rest = name.partition(":")
    parts = rest.split(":") if kind == TOGETHER else []
    splits = ((":".join(parts[:count]), ":".join(parts[count:])) for count in range(1, len(parts)))
    return [(bib, other) for bib, other in splits if bib and other and bib_order(bib) < bib_order(other)]


def case_bibs(name: str) -> tuple[str, ...]:
    """Return the bibs of the athletes that a case is or may be about; none for a case about a team."""
    kind, colon, bib = name.partition(":")
    if colon and kind in ATHLETE_CASES:
        return (bib,)
    return tuple(dict.fromkeys(bib for pair in case_pairs(name) for bib in pair))


def bib_order(bib: str) -> tuple[int, str]:
    """Return the sort key of a bib: shorter first, then by text. Source: R4.1."""
    return len(bib), bib
