"""Which tests are `integration`: by rule, so that nobody has to remember the marker.

A test is `integration` when it lies in a folder of FOLDERS or requests, directly or through another fixture, one of
FIXTURES. `guard` refuses what the rule overlooked: a test without the marker cannot start a JVM, a browser, Prometheus
or the ClickHouse engine.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath

TESTS = Path(__file__).parent
FOLDERS = (
    TESTS / "alerts",
    TESTS / "clickhouse_over_http",
    TESTS / "integration",
    TESTS / "operate" / "embedded_kafka",
)
FIXTURES = frozenset({"broker", "engine", "browser"})
PROGRAMS = frozenset({"java", "chromedriver", "chromium", "prometheus", "promtool", "amtool"})


def is_integration(path: Path, fixtures: Iterable[str]) -> bool:
    """Return whether a test in the file `path` that requests `fixtures`, transitively, is an integration test."""
    return any(path.is_relative_to(folder) for folder in FOLDERS) or not FIXTURES.isdisjoint(fixtures)


def heavy_start(event: str, args: tuple[object, ...]) -> str | None:
    """Return what an audit event of the interpreter is about to start, None when that is nothing heavy."""
    if event == "import" and args[0] == "chdb":
        return "the ClickHouse engine"
    if event == "subprocess.Popen":
        command = args[1]
        words = [command] if isinstance(command, str | bytes | PurePath) else command
        assert isinstance(words, Iterable)
        names = {PurePath(word if isinstance(word, str | PurePath) else word.decode()).name for word in words}
        return min(names & PROGRAMS, default=None)
    return None


def guard(running_pure_test: Callable[[], str | None]) -> None:
    """Refuse, from now on, every heavy start while `running_pure_test` names a test without the marker."""

    def refuse(event: str, args: tuple[object, ...]) -> None:
        if event in ("import", "subprocess.Popen") and (started := heavy_start(event, args)) is not None:
            test = running_pure_test()
            if test is not None:
                raise RuntimeError(f"{test} starts {started} but is not marked integration; see tests/heavy.py")

    sys.addaudithook(refuse)
