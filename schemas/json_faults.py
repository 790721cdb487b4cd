"""Why a text is no JSON, in words for people who have to find the place. Pure."""

import re

EXCERPT_BYTES = 20  # from where the decoder stopped: enough to find the place

_PLACE = re.compile(r" \(byte ([0-9]+)\)$")


def json_fault(data: bytes, error: Exception) -> str:
    """Return why a text is no JSON, without the words of the decoder."""
    if not data.strip():
        return "it is empty"
    try:
        body = data.decode()
    except UnicodeDecodeError as not_utf8:
        return f"it is not in UTF-8 (byte {not_utf8.start}); save it as UTF-8"
    if body.startswith("\ufeff"):
        return "it begins with a byte order mark; save it as UTF-8 without one"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = str(error)
    if "out of range" in text:
        return "it is not JSON: it holds a number that is too large"
    if "truncated" in text:
        half = r"; or a \u stands for half of a character" if "\\ud" in body.lower() else ""
        return f"it is not complete JSON: it ends too early{half}"
    text = text.removeprefix("JSON is malformed: ").partition(" - at `$")[0]
    if (place := _PLACE.search(text)) is None:
        return f"it is not JSON: {text}"
    begin = int(place[1])
    excerpt = data[begin : begin + EXCERPT_BYTES].decode(errors="ignore").strip()
    at_excerpt = f" at {excerpt!r}" if excerpt else ""
    return f"it is not JSON: {text.removesuffix(place[0])}{at_excerpt}{place[0]}"
