"""The codes of one chip: readers that write zeros or a fixed prefix before it, and entries that do not. Source: R2.12.

The log keeps each code as its reader sent it. Codes with the same bare code are one chip, if the definition says so.
"""

from schemas.definition import ChipCodes
from schemas.ids import LABEL_CHARS


def bare_code(codes: ChipCodes | None, chip: str) -> str:
    """Return a chip's code without the prefix and the zeros that do not count; itself where all of it counts."""
    if codes is None:
        return chip
    for prefix in codes.prefixes:
        bare = chip.removeprefix(prefix.upper())
        if bare and bare != chip:
            chip = bare
            break
    return chip.lstrip("0") or "0" if codes.strip_zeros else chip


def codes_of(codes: ChipCodes | None, chip: str) -> tuple[str, ...]:
    """Return every code that is the same chip as this one, the shortest first: at most 32 for each prefix."""
    if codes is None:
        return (chip,)
    bare = bare_code(codes, chip)
    heads = ["", *(prefix.upper() for prefix in codes.prefixes)]
    zeros_most = LABEL_CHARS - len(bare) if codes.strip_zeros else 0
    spellings = [head + "0" * zeros + bare for zeros in range(zeros_most + 1) for head in heads]
    alike = {code for code in spellings if len(code) <= LABEL_CHARS and bare_code(codes, code) == bare}
    return tuple(sorted({chip, *alike}, key=lambda code: (len(code), code)))
