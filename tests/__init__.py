"""The tests, in folders that mirror the packages."""

from pathlib import Path

DATA = Path(__file__).parent / "data"
