"""The codes of one chip: readers that write it in hexadecimal, or zeros or a fixed prefix before it. Source: R2.12.

The log keeps each code as its reader sent it. Codes with the same bare code are one chip, if the definition says so.
"""

from schemas.definition import ChipCodes
from schemas.ids import LABEL_CHARS

HEX_DIGITS = frozenset("0123456789ABCDEF")


def bare_code(codes: ChipCodes | None, chip: str) -> str:
    """Return what counts of a code: its number in decimal, without prefix and zeros; all of it without a rule."""
    if codes is None:
        return chip
    if len(chip) == codes.hex_digits and HEX_DIGITS.issuperset(chip):
        chip = str(int(chip, 16))
    for prefix in codes.prefixes:
        bare = chip.removeprefix(prefix.upper())
        if bare and bare != chip:
            chip = bare
            break
    return chip.lstrip("0") or "0" if codes.strip_zeros else chip


def codes_of(codes: ChipCodes | None, chip: str) -> tuple[str, ...]:
    """Return every code that is the same chip as this one, the shortest first: at most 64 for each prefix."""
    if codes is None:
        return (chip,)
    bare = bare_code(codes, chip)
    heads = ["", *(prefix.upper() for prefix in codes.prefixes)]
    zeros_most = LABEL_CHARS - len(bare) if codes.strip_zeros else 0
    spellings = [head + "0" * zeros + bare for zeros in range(zeros_most + 1) for head in heads]
    spellings += [f"{int(code):0{codes.hex_digits}X}" for code in spellings if codes.hex_digits and _is_number(code)]
    alike = {code for code in spellings if len(code) <= LABEL_CHARS and bare_code(codes, code) == bare}
    return tuple(sorted({chip, *alike}, key=lambda code: (len(code), code)))


def _is_number(code: str) -> bool:
    """Return whether a code is a number in decimal as `str` writes it."""
    return code.isascii() and code.isdecimal() and code == str(int(code))
