"""Where commands find ingest, and with which token they come."""

from collections.abc import Mapping

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
