"""Where commands find ingest, with which token they come, and why they do not reach it."""

import os
from collections.abc import Mapping

import aiohttp

from services.runtime.environment import number, text


def ingest_address(environment: Mapping[str, str]) -> str:
    """Return the address of the ingest of this machine. Raises StartFault for a wrong setting."""
    host = text(environment, "MATLINE_HOST", "127.0.0.1")
    scheme = "https" if environment.get("MATLINE_TLS_CERT", "").strip() else "http"
    return f"{scheme}://{host}:{number(environment, 'MATLINE_INGEST_PORT', 8701)}"


def token_headers(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the header with the token of MATLINE_TOKEN; none without one."""
    token = environment.get("MATLINE_TOKEN", "").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


def why(error: aiohttp.ClientError | TimeoutError) -> str:
    """Return why a service was not reached, in brackets behind a space; "" if the system has no words for it."""
    if isinstance(error, TimeoutError):
        return " (no answer in time)"
    if isinstance(error, OSError):  # aiohttp's and asyncio's own texts show the parts of their structures
        words = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror
        return f" ({words})" if words else ""
    return f" ({error})" if str(error) else ""
