"""Tokens: what the file says, who is let in, and the command that writes it."""

import json
import re
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.operate.tokens_command import add_main, list_main, revoke_main
from services.runtime.faults import StartFault
from services.runtime.tokens import (
    TOKENS_MAX,
    Role,
    Tokens,
    TokensRefused,
    bearer,
    parse_tokens,
    tokens_bytes,
    tokens_path,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "tokens.json"


@pytest.fixture
def environment(path: Path) -> dict[str, str]:
    return {"MATLINE_DATA": str(path.parent)}


@pytest.fixture
def add(environment, capsys):
    """Make a token by the command; what it printed."""

    def added(role: Role, name: str, *events: str, gateways: tuple[str, ...] = ()) -> str:
        code = add_main(environment, role, name, list(events), list(gateways))
        printed = capsys.readouterr()
        assert code == (0 if printed.out else 1)
        return printed.out.strip() or printed.err

    return added


def test_a_token_is_found_by_its_text_alone(add, path):
    shown = add("gateway", "tent", "e-1", "e-2", gateways=("tent", "bridge"))
    token = Tokens(path).find(shown)
    assert token is not None
    assert (token.role, token.name, token.events, token.gateways) == (
        "gateway",
        "tent",
        ["e-1", "e-2"],
        ["tent", "bridge"],
    )
    assert [token.may_event(event) for event in ("e-1", "e-2", "e-3", "*")] == [True, True, False, False]
    assert [token.may_gateway(gateway) for gateway in ("tent", "bridge", "other")] == [True, True, False]


@pytest.mark.parametrize("position", [0, 8, 17, 20, -1])
def test_a_changed_token_is_none(add, path, position):
    shown = add("official", "Ann", "e")
    letters = list(shown)
    letters[position] = "0" if letters[position] != "0" else "1"
    assert Tokens(path).find("".join(letters)) is None


def test_text_that_is_not_a_token_gives_none(add, path):
    shown = add("official", "Ann", "e")
    tokens = Tokens(path)
    for text in (
        None,
        "",
        " ",
        shown + "x",
        shown[:-1],
        shown.upper(),
        "é" * 60,
        parse_tokens(path.read_bytes())[0].sha256,
    ):
        assert tokens.find(text) is None


def test_the_file_holds_no_token(add, path):
    shown = add("official", "Ann", "e")
    assert shown not in path.read_text()
    assert shown.split("_", 2)[2] not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_tokens_are_never_the_same_and_have_256_bits(add):
    first, two = add("reader", "tv", "*"), add("reader", "tv", "*")
    assert first != two
    assert all(re.fullmatch(r"matline_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", shown) for shown in (first, two))


def test_a_star_is_every_event(add, path):
    token = Tokens(path).find(add("reader", "tv", "*"))
    assert token is not None
    assert token.may_event("whatever")
    assert not token.may_gateway("tent")


def test_a_gateways_token_is_for_the_gateway_of_its_name_by_default(add, path):
    token = Tokens(path).find(add("gateway", "tent", "e"))
    assert token is not None
    assert token.gateways == ["tent"]


def test_a_holder_rotates_with_two_tokens_and_no_third(add, path, environment, capsys):
    old, new = add("gateway", "tent", "e"), add("gateway", "tent", "e")
    tokens = Tokens(path)
    old_token, new_token = tokens.find(old), tokens.find(new)
    assert old_token is not None
    assert new_token is not None
    assert f"matline token revoke {old_token.id}" in add("gateway", "tent", "e")
    assert tokens.find(add("official", "tent", "e")) is not None  # another holder, though of the same name
    assert revoke_main(environment, [old_token.id]) == 0
    assert (tokens.find(old), tokens.find(new)) == (None, new_token)
    capsys.readouterr()
    assert tokens.find(add("gateway", "tent", "e")) is not None


def test_a_changed_file_is_used_without_a_restart_and_without_the_file_no_token_is_valid(add, path):
    tokens = Tokens(path)
    assert not tokens.required()
    shown = add("official", "Ann", "e")
    assert tokens.required()
    assert tokens.find(shown) is not None
    path.unlink()
    assert tokens.required()
    assert (tokens.find(shown), tokens.count()) == (None, 0)


def test_a_file_that_vanishes_takes_every_power_but_that_of_readers(add, path, caplog):
    official, gateway, reader = add("official", "Ann", "e"), add("gateway", "tent", "e"), add("reader", "tv", "e")
    tokens = Tokens(path)
    kept = path.read_bytes()
    official_token, reader_token = tokens.find(official), tokens.find(reader)
    assert official_token is not None
    assert reader_token is not None
    path.unlink()
    assert (tokens.required(), tokens.has_role("reader"), tokens.count()) == (True, True, 0)
    assert (tokens.find(official), tokens.find(gateway), tokens.find(reader)) == (None, None, reader_token)
    assert (tokens.holds(official_token), tokens.holds(reader_token)) == (False, True)
    assert "is gone" in caplog.text
    path.write_bytes(kept)
    assert tokens.find(official) == official_token
    path.write_bytes(tokens_bytes([]))
    assert tokens.find(reader) is None
    path.unlink()
    assert tokens.find(reader) is None  # revoked before the file vanished
    assert tokens.required()


def test_a_vanished_file_without_readers_does_not_make_reading_private(add, path):
    add("official", "Ann", "e")
    tokens = Tokens(path)
    path.unlink()
    assert not tokens.has_role("reader")


def test_a_file_that_became_faulty_keeps_the_tokens_that_were(add, path, caplog):
    shown = add("official", "Ann", "e")
    tokens = Tokens(path)
    path.write_text("{")
    assert tokens.find(shown) is not None
    assert "NOT used" in caplog.text


def test_revoking_an_unknown_token_revokes_nothing(add, path, environment, capsys):
    shown = add("official", "Ann", "e")
    token = Tokens(path).find(shown)
    assert token is not None
    assert revoke_main(environment, [token.id, "00000000"]) == 1
    assert "00000000" in capsys.readouterr().err
    assert Tokens(path).find(shown) is not None


def test_the_list_shows_who_may_what_and_no_secret(add, environment, capsys):
    shown = add("gateway", "tent", "e-1", "e-2")
    assert list_main(environment) == 0
    [head, line] = capsys.readouterr().out.splitlines()
    assert head.split() == ["ID", "ROLE", "NAME", "EVENTS", "GATEWAYS", "MADE"]
    assert line.split()[:6] == [shown[8:16], "gateway", "tent", "e-1", "e-2", "tent"]
    assert shown[17:] not in line


@pytest.mark.parametrize(
    ("role", "name", "events", "gateways"),
    [
        ("official", "Ann", ["a b"], ()),
        ("official", "Ann", [""], ()),
        ("official", "Ann", [], ()),
        ("official", "", ["e"], ()),
        ("official", "A\nB", ["e"], ()),
        ("official", "x" * 201, ["e"], ()),
        ("official", "Ann", ["e"], ("tent",)),
        ("gateway", "tent", ["e"], ("x" * 65,)),
    ],
)
def test_a_token_that_could_allow_nothing_is_not_made(add, path, role, name, events, gateways):
    assert not add(role, name, *events, gateways=gateways).startswith("matline_")
    assert not path.exists()


def test_commands_at_the_same_time_lose_nothing(environment, path):
    adding = [
        threading.Thread(target=add_main, args=(environment, "official", f"n{number}", ["e"], []))
        for number in range(8)
    ]
    for thread in adding:
        thread.start()
    for thread in adding:
        thread.join()
    assert sorted(token.name for token in parse_tokens(path.read_bytes())) == [f"n{number}" for number in range(8)]


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"tokens": None},
        {"tokens": [{}]},
        {"more": 1},
        {"tokens": ["twice"]},
    ],
)
def test_a_file_that_the_command_did_not_write_is_refused(add, path, change):
    add("official", "Ann", "e")
    plain = json.loads(path.read_text())
    if change == {"tokens": ["twice"]}:
        change = {"tokens": plain["tokens"] * 2}
    path.write_text(json.dumps({**plain, **change}))
    with pytest.raises(StartFault, match=str(path)):
        Tokens(path)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data):
    with pytest.raises(TokensRefused):
        parse_tokens(data)


def test_there_is_a_bound_on_tokens(add, path):
    add("official", "Ann", "e")
    plain = json.loads(path.read_text())
    [token] = plain["tokens"]
    many = [{**token, "id": f"{number:08x}", "name": f"n{number}"} for number in range(TOKENS_MAX)]
    path.write_text(json.dumps({**plain, "tokens": many}))
    assert str(TOKENS_MAX) in add("official", "Ann", "e")


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("abc", None),
        ("", None),
        (None, None),
    ],
)
def test_a_token_stands_behind_the_word_bearer(header, shown):
    assert bearer(header) == shown


def test_the_file_is_named_by_a_setting_or_lies_in_the_data_folder():
    assert tokens_path({}) == Path(".matline/tokens.json")
    assert tokens_path({"MATLINE_DATA": "/d"}) == Path("/d/tokens.json")
    assert tokens_path({"MATLINE_DATA": "/d", "MATLINE_TOKENS": "/t.json"}) == Path("/t.json")
