"""The table of least rights in deploy/topics.md, as those who grant them need it."""

import re
from pathlib import Path

from schemas.topics import TOPICS

PAGE = Path(__file__).parents[2] / "deploy/topics.md"


def least_rights() -> dict[str, tuple[str, str]]:
    """Return, by user, the words about topics and the group that may be read, or none, from the table of the page."""
    table = PAGE.read_text().partition("## Least rights")[2]
    rows = re.findall(r"^\| (\w+)(?: \(.*?\))? \| (.*?) \| (.*?) ?\|$", table, re.MULTILINE)
    return {user: (topics, group.partition(":")[0].strip("`")) for user, topics, group in rows if user != "user"}


def topic_rights(words: str) -> dict[str, list[str]]:
    """Return the operations on each topic that a cell of the table grants."""
    granted: dict[str, list[str]] = {}
    for part in words.split(";"):
        names, _, operations = part.rpartition(":")
        named = re.findall(r"`([\w-]+)`", names) or [topic.name for topic in TOPICS]
        for name in named:
            granted[name] = operations.strip().split(", ")
    return granted
