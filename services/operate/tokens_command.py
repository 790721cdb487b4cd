"""`matline token`: make, list and revoke tokens. One process at a time writes the file, and never a part of it."""

import fcntl
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from services.runtime.faults import StartFault
from services.runtime.tokens import (
    LIVE_MAX,
    TOKENS_MAX,
    Role,
    Token,
    new_token,
    parse_tokens,
    tokens_bytes,
    tokens_path,
)


def add_main(environment: Mapping[str, str], role: Role, name: str, events: list[str], gateways: list[str]) -> int:
    """Make a token for `matline token add`, print it alone on standard output, and return the exit code."""

    def add() -> str:
        path = tokens_path(environment)
        shown = ""

        def with_new(tokens: list[Token]) -> list[Token]:
            nonlocal shown
            shown, token = _made(role, name, events, gateways)
            _check_room(tokens, token)
            return [*tokens, token]

        first = not path.exists()
        _change(path, with_new)
        _say(f"Note the token now: {path} keeps only its hash. Clients send it as `Authorization: Bearer TOKEN`.")
        if first:
            _say("This is the first token: from now on every request needs one.")
        return shown

    return _run(add)


def list_main(environment: Mapping[str, str]) -> int:
    """List the tokens for `matline token list`; return the exit code."""

    def listing() -> str:
        tokens = _read(tokens_path(environment))
        rows = [("ID", "ROLE", "NAME", "EVENTS", "GATEWAYS", "MADE")]
        rows += [(t.id, t.role, t.name, " ".join(t.events), " ".join(t.gateways), t.made) for t in tokens]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

    return _run(listing)


def revoke_main(environment: Mapping[str, str], ids: list[str]) -> int:
    """Revoke tokens for `matline token revoke`; return the exit code."""

    def revoke() -> str:
        def without(tokens: list[Token]) -> list[Token]:
            unknown = sorted(set(ids) - {token.id for token in tokens})
            if unknown:
                raise StartFault(
                    f"no token has the id {', '.join(unknown)}; nothing was revoked. `matline token list` shows the ids"
                )
            return [token for token in tokens if token.id not in ids]

        left = _change(tokens_path(environment), without)
        return f"revoked {len(set(ids))}, {len(left)} left" + ("" if left else ": every request is refused now")

    return _run(revoke)


def _made(role: Role, name: str, events: list[str], gateways: list[str]) -> tuple[str, Token]:
    if role != "gateway" and gateways:
        raise StartFault(f"--gateway applies to role gateway only, not to role {role}; leave it out")
    if not name.isprintable() or not name.strip():
        raise StartFault(f"the name {name!r} is empty or has a control character; give a printable name")
    speaks_for = (gateways or [name]) if role == "gateway" else []
    made = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        return new_token(role, name.strip(), events, speaks_for, made)
    except msgspec.ValidationError as error:
        raise StartFault(f"{error}; give events by --event ID (or '*'), 1-64 letters, digits, `.`, `_`, `-`") from None


def _check_room(tokens: list[Token], token: Token) -> None:
    same = [other.id for other in tokens if other.holder() == token.holder()]
    if len(same) >= LIVE_MAX:
        raise StartFault(
            f"{token.role} {token.name} already has {len(same)} tokens ({', '.join(same)}); revoke one first:"
            f" `matline token revoke {same[0]}`"
        )
    if len(tokens) >= TOKENS_MAX:
        raise StartFault(f"there are {TOKENS_MAX} tokens, the most allowed; revoke some that are no longer used")


def _read(path: Path) -> list[Token]:
    try:
        return parse_tokens(path.read_bytes())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StartFault(f"{path} cannot be read: {error.strerror}") from None


def _change(path: Path, change: Callable[[list[Token]], list[Token]]) -> list[Token]:
    """Replace the file in one step, readable by its owner only, while no other process does so."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(path.name + ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            tokens = change(_read(path))
            new = path.with_name(path.name + ".new")
            with suppress(FileNotFoundError):
                new.unlink()
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - Path.open takes no mode
                file.write(tokens_bytes(tokens))
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
    except OSError as error:
        raise StartFault(f"{path} cannot be written: {error.strerror}") from None
    return tokens


def _run(work: Callable[[], str]) -> int:
    try:
        print(work())
    except StartFault as fault:
        _say(str(fault))
        return 1
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr)
