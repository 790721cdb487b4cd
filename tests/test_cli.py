"""The command: help that teaches, and no command named anywhere that is not there."""

import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from services.cli import app

ROOT = Path(__file__).parent.parent
HANG_S = 120.0
_NAMED = re.compile(r"(?:`|\.venv/bin/|^)matline ((?:[a-z]+(?:-[a-z]+)?)(?: [a-z]+(?:-[a-z]+)?)?)", re.MULTILINE)


def _commands() -> dict[str, set[str]]:
    root = get_command(app)
    commands = getattr(root, "commands")  # noqa: B009 - a group's, which its type does not say
    return {name: set(getattr(command, "commands", {})) for name, command in commands.items()}


def _texts() -> list[Path]:
    folders = [ROOT / name for name in ("services", "schemas", "loadtest", "races", "deploy", "docs")]
    loaded = [
        path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".md", ".toml", ".yaml")
    ]
    return [*loaded, *ROOT.glob("*.md")]


def test_every_command_that_is_named_anywhere_is_there() -> None:
    commands = _commands()
    missing = []
    for path in _texts():
        for named in _NAMED.findall(path.read_text()):
            first, _, second = named.partition(" ")
            if first not in commands or (commands[first] and second and second not in commands[first]):
                missing.append(f"{path.relative_to(ROOT)}: matline {named}")
    assert missing == []


def _words_of_all() -> list[str]:
    commands = _commands()
    return ["", *commands, *(f"{name} {sub}" for name, subs in commands.items() for sub in subs)]


def _help(words: str) -> str:
    shown = CliRunner().invoke(app, [*words.split(), "--help"], terminal_width=80)
    assert shown.exit_code == 0
    return shown.stdout


@pytest.mark.parametrize("words", _words_of_all())
def test_help_fits_eighty_columns_and_shows_no_name_of_a_type(words: str) -> None:
    text = _help(words)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert re.findall(r"<[^>]*>|\[\]|<=|>=|\{|\}|list\[|[a-z]\.\.\.$", text, re.MULTILINE) == []


def test_help_keeps_the_brackets_of_toml() -> None:
    assert "[[sources]]" in _help("up")


def test_every_command_stands_under_a_heading() -> None:
    assert "Commands:" not in _help("")


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.stdout) == (0, f"matline {project['version']}\n")


@pytest.mark.parametrize("name", sorted(_commands()))
def test_every_command_says_what_it_does(name: str) -> None:
    command = getattr(get_command(app), "commands")[name]  # noqa: B009 - as above
    assert len((command.help or "").split()) >= 5


def test_help_is_there_without_a_service_being_imported() -> None:
    code = "import services.cli, sys; print([m for m in ('faust', 'aiokafka', 'aiohttp', 'chdb') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_sigint_ends_a_command_that_a_script_started_in_its_background() -> None:
    """Such a script has SIGINT ignored for it, which `trap ''` does here."""
    command = [
        sys.executable,
        "-m",
        "services.cli",
        "simulate",
        "hanoi-half-2024",
        "--size",
        "5",
        "--protocol",
        "ultra",
    ]
    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    with subprocess.Popen(ignoring, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as simulating:
        try:
            assert simulating.stdout is not None
            while b"[[sources]]" not in simulating.stdout.readline():
                assert simulating.poll() is None
            simulating.send_signal(signal.SIGINT)
            assert simulating.wait(HANG_S) == 130
        finally:
            simulating.kill()
