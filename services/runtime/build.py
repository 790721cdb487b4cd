"""Which release runs."""

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def release() -> str:
    """Return the version of this release; the image has no installed package, only the project's file."""
    try:
        return version("matline")
    except PackageNotFoundError:
        named: str = tomllib.loads(_PROJECT.read_text())["project"]["version"]
        return named
