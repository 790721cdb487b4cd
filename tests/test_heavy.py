"""`pytest -m "not integration"` starts no broker, engine or browser."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.heavy import FIXTURES, TESTS, heavy_start, is_integration


def test_exactly_what_the_rule_names_is_marked(request: pytest.FixtureRequest) -> None:
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    marked = {item.nodeid for item in items if item.get_closest_marker("integration")}
    assert marked == {item.nodeid for item in items if is_integration(item.path, item.fixturenames)}


def test_fixtures_count_through_others_and_folders_for_all_their_tests() -> None:
    assert is_integration(TESTS / "live" / "test_page.py", ["database", *FIXTURES])
    assert is_integration(TESTS / "integration" / "test_up.py", [])
    assert not is_integration(TESTS / "scoring" / "test_settings.py", ["tmp_path", "kafka_settings"])


@pytest.mark.parametrize(
    ("event", "args", "started"),
    [
        ("subprocess.Popen", ("/opt/jre/bin/java", ["/opt/jre/bin/java", "-version"], None, None), "java"),
        ("subprocess.Popen", (sys.executable, [sys.executable, "-m", "child", "/jre/bin/java"], None, None), "java"),
        ("subprocess.Popen", ("sh", [b"chromedriver", Path("log")], None, None), "chromedriver"),
        ("subprocess.Popen", (sys.executable, [sys.executable, "-c", "import java"], None, None), None),
        ("import", ("chdb", None, [], [], []), "the ClickHouse engine"),
        ("import", ("chdbx", None, [], [], []), None),
    ],
)
def test_what_is_heavy(event: str, args: tuple[object, ...], started: str | None) -> None:
    assert heavy_start(event, args) == started


def test_a_test_without_the_marker_cannot_start_a_jvm() -> None:
    with pytest.raises(RuntimeError, match="starts java but is not marked integration"):
        subprocess.run(["java", "-version"], check=False)
