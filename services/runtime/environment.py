"""Settings from the environment: MATLINE_ variables, read once by the command that starts a service."""

from collections.abc import Mapping
from pathlib import Path

from services.runtime.faults import StartFault

PORT_MAX = 65_535
DIGITS_MAX = 18  # of a number; Python refuses to parse far longer ones


def number(environment: Mapping[str, str], name: str, default: int, limit: int = PORT_MAX) -> int:
    """Return a whole number from 0 to `limit`. Raises StartFault naming the variable."""
    text = environment.get(name, "").strip() or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > DIGITS_MAX or int(text) > limit:
        raise StartFault(f"{name}={text} is not a whole number from 0 to {limit}")
    return int(text)


def text(environment: Mapping[str, str], name: str, default: str) -> str:
    """Return a text, or the default if it is empty or missing."""
    return environment.get(name, "").strip() or default


def folder(environment: Mapping[str, str], name: str, default: str) -> Path:
    """Return the path of a folder."""
    return Path(text(environment, name, default)).expanduser()
