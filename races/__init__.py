"""Race definitions that come with Matline, each a TOML file with its source and its assumptions."""

from collections.abc import Iterator
from importlib.resources import files

SUFFIX = ".toml"


class UnknownRace(Exception):
    """There is no definition of that name; the message lists those there are."""


def names() -> list[str]:
    """The names of all definitions here, sorted; a name is the file's without `.toml`, and its event's id."""
    return sorted(_names())


def definition_toml(name: str) -> bytes:
    """The file of a definition, as it stands. Raises UnknownRace."""
    if name not in names():
        raise UnknownRace(f"no race definition {name!r} here; there are {', '.join(names())}")
    return (files(__name__) / f"{name}{SUFFIX}").read_bytes()


def _names() -> Iterator[str]:
    for entry in files(__name__).iterdir():
        if entry.name.endswith(SUFFIX):
            yield entry.name.removesuffix(SUFFIX)
