"""Request bodies: decompressed within bounds, before anything else looks at them.

The server's own decompression is switched off (`app.serving`): it checks a size only after it has decompressed a piece.
"""

import zlib

import zstandard

from services.ingest.errors import Refused

CODINGS = "gzip, zstd"
WINDOW_MAX_BYTES = 8 * 1024 * 1024  # memory that a zstd body may ask for: the least that RFC 8878 recommends to support


def decompress(data: bytes, coding: str, limit: int) -> bytes:
    """Return the body without its content coding.

    Raises Refused: 413 over `limit` bytes, 415 for an unknown coding, 400 for a damaged body.
    """
    if coding in ("", "identity"):
        return data
    try:
        if coding in ("gzip", "x-gzip"):
            return _gunzipped(data, limit)
        if coding == "zstd":
            return _unzstd(data, limit)
    except (zlib.error, zstandard.ZstdError):
        text = f"the body cannot be decompressed: it is damaged, cut off or not {coding}; send it again"
        raise Refused(400, "Damaged body", text) from None
    raise Refused(415, "Unknown content coding", f"content coding {coding!r} is not known; send {CODINGS} or none")


def decompresses_beyond(size: int, data: bytes, coding: str) -> bool:
    """Return whether a body has more than `size` bytes without its content coding; false for a damaged one.

    Decompresses no more than that, so it takes no longer than `size` bytes do.
    """
    try:
        if coding in ("gzip", "x-gzip"):
            return len(zlib.decompressobj(wbits=31).decompress(data, size + 1)) > size
        if coding == "zstd":
            return len(_zstd_reader(data).read(size + 1)) > size
    except (zlib.error, zstandard.ZstdError):
        return False
    return False


def _gunzipped(data: bytes, limit: int) -> bytes:
    inflate = zlib.decompressobj(wbits=31)
    body = inflate.decompress(data, limit + 1)
    if len(body) > limit:
        raise too_large(limit)
    if not inflate.eof:
        raise zlib.error("it ends early")
    return body


def _unzstd(data: bytes, limit: int) -> bytes:
    # Only the reader can stop at a bound, and only the object says whether the end was reached. So the size is checked
    # first, and then the body is decompressed.
    if len(_zstd_reader(data).read(limit + 1)) > limit:
        raise too_large(limit)
    inflate = zstandard.ZstdDecompressor(max_window_size=WINDOW_MAX_BYTES).decompressobj()
    body: bytes = inflate.decompress(data)
    if not inflate.eof:
        raise zstandard.ZstdError("it ends early")
    return body


def _zstd_reader(data: bytes) -> zstandard.ZstdDecompressionReader:
    return zstandard.ZstdDecompressor(max_window_size=WINDOW_MAX_BYTES).stream_reader(data)


def too_large(limit: int) -> Refused:
    """Return the refusal of a body over its bound."""
    return Refused(
        413, "Body too large", f"the body is over {limit} bytes decompressed; send it in several requests", limit=limit
    )
