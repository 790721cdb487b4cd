"""Text that a spreadsheet must not read as a formula."""

from services.formatting.times import MINUS

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # by which spreadsheets know UTF-8

# A spreadsheet reads a cell that begins with one of these as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(text: str) -> str:
    """Return text for a CSV cell, with an apostrophe before it if a spreadsheet would read it as a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def without_signs(text: str) -> str:
    """Return a text of ours without a sign that begins a formula.

    A shared place `=3` becomes `3=`; a gap `+0:12` becomes `0:12`, and `-0:12` gets a typographic minus.
    """
    if text.startswith("="):
        return f"{text[1:]}="
    return text.removeprefix("+") if not text.startswith("-") else f"{MINUS}{text[1:]}"
