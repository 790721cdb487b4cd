"""Why an official publication has no effect, in words. Pure. Source: R4.8."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from services.live.web.words import WORDS


def void_words(grounds: Sequence[Mapping[str, Any]], language: str) -> str | None:
    """Return the reasons of a board's `void`, each once: cases, protests and boards are counted. None without any."""
    words = WORDS[language]
    counts = Counter(ground["reason"] for ground in grounds)
    reasons = [words[f"void_{reason}"].format(count=count) for reason, count in counts.items()]
    return f"{words['void']} {'; '.join(reasons)}." if reasons else None
