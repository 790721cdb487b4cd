"""Race definitions that come with Matline, each a TOML file with its source and its assumptions."""

from collections.abc import Iterator
from importlib.resources import files

SUFFIX = ".toml"


class UnknownRace(Exception):
    """There is no definition of that name; the message lists the names."""


def names() -> list[str]:
    """Return the names of all definitions here, sorted. A name is the event's id, and the file's name without .toml."""
    return sorted(_names())


def definition_toml(name: str) -> bytes:
    """Return the bytes of a definition's file. Raises UnknownRace."""
    if name not in names():
        raise UnknownRace(f"there is no race definition {name!r}; the definitions are {', '.join(names())}")
    return (files(__name__) / f"{name}{SUFFIX}").read_bytes()


def _names() -> Iterator[str]:
    for entry in files(__name__).iterdir():
        if entry.name.endswith(SUFFIX):
            yield entry.name.removesuffix(SUFFIX)
