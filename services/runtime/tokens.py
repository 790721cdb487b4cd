"""Bearer tokens: who may write to which events (gateways, officials), and who may read the live boards.

The file holds only hashes; `matline token` writes it. A token has 256 random bits, so a plain SHA-256 is right: slow,
salted hashes protect passwords that can be guessed, and every request would pay for them. A token carries the id of its
hash, so that a single hash is compared, in constant time.

If there is a file, every request needs a token. The file is read again when it changes. If it vanishes, tokens of
officials and gateways are refused, since nobody could revoke them; readers' tokens that were in it stay valid until the
file is back or the process ends, so that an accident does not lock out those who watch.
"""

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from schemas.ids import GatewayId, Name
from services.runtime.environment import folder, text
from services.runtime.faults import StartFault
from services.runtime.watched_file import WatchedFile

TOKENS_VERSION = 1
TOKENS_MAX = 1_000
LIVE_MAX = 2  # of one holder: the old token works until the new one is in use
SECRET_BYTES = 32
ANY = "*"  # all events, or all gateways

Role = Literal["gateway", "official", "reader"]
EventName = Annotated[
    str,
    Meta(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63})(?![\s\S])", description="An event's id, or `*` for all."),
]

log = logging.getLogger(__name__)

_TEXT = re.compile(r"matline_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")


class Token(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one token allows.

    `name` is its holder; an official's facts have it as `by`. `gateways` are those for which a gateway's token may send
    reads. `sha256` is the hash of the whole token, in hex.
    """

    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(?![\s\S])")]
    role: Role
    name: Name
    events: Annotated[list[EventName], Meta(min_length=1)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?![\s\S])")]
    made: str
    gateways: list[GatewayId] = field(default_factory=list)

    def may_event(self, event: str) -> bool:
        """Return whether the token is valid for this event."""
        return event in self.events or ANY in self.events

    def may_gateway(self, gateway: str) -> bool:
        """Return whether the token may send reads for this gateway."""
        return gateway in self.gateways or ANY in self.gateways

    def holder(self) -> tuple[str, str]:
        """Return the holder, who has at most LIVE_MAX tokens."""
        return self.role, self.name


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    tokens: Annotated[list[Token], Meta(max_length=TOKENS_MAX)]


class TokensRefused(StartFault):
    """The token file cannot be used."""


def parse_tokens(data: bytes) -> list[Token]:
    """Return the tokens of a file. Raises TokensRefused."""
    try:
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, RecursionError) as error:
        raise TokensRefused(f"the token file is not as `matline token` writes it: {error}") from None
    if file.v > TOKENS_VERSION:
        raise TokensRefused(f"the token file has version {file.v}; this release reads versions up to {TOKENS_VERSION}")
    ids = [token.id for token in file.tokens]
    if len(set(ids)) < len(ids):
        raise TokensRefused("the token file has two tokens with the same id; revoke and add them again")
    return file.tokens


def tokens_bytes(tokens: list[Token]) -> bytes:
    """Return the bytes of a file; the inverse of `parse_tokens`."""
    return msgspec.json.format(msgspec.json.encode(_File(TOKENS_VERSION, tokens))) + b"\n"


def new_token(role: Role, name: str, events: list[str], gateways: list[str], made: str) -> tuple[str, Token]:
    """Make a token. Return its text, which is stored nowhere, and its entry. Raises msgspec.ValidationError."""
    identity = secrets.token_hex(4)
    shown = f"matline_{identity}_{secrets.token_urlsafe(SECRET_BYTES)}"
    plain = {"id": identity, "role": role, "name": name, "events": events, "gateways": gateways, "made": made}
    return shown, msgspec.convert({**plain, "sha256": _hash(shown)}, Token)


def bearer(header: str | None) -> str | None:
    """Return the token of an `Authorization` header, or None if there is none."""
    scheme, _, shown = (header or "").partition(" ")
    return shown.strip() if scheme.lower() == "bearer" and shown.strip() else None


def tokens_path(environment: Mapping[str, str]) -> Path:
    """Return the path of the token file: MATLINE_TOKENS, or else in the data folder."""
    default = folder(environment, "MATLINE_DATA", ".matline") / "tokens.json"
    return Path(text(environment, "MATLINE_TOKENS", str(default))).expanduser()


class Tokens:
    """The tokens of a file, read again whenever it changes."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises StartFault if it exists and cannot be used."""
        self.path = path
        self._file: WatchedFile[dict[str, Token] | None] = WatchedFile(path, _by_id)
        self._last = self._file.content  # what the file held when it was last there, None if it never was

    def required(self) -> bool:
        """Return whether requests need a token. Once they do, they always do, even if the file vanishes."""
        self._refresh()
        return self._last is not None

    def count(self) -> int:
        """Return the number of tokens in the file."""
        self._refresh()
        return len(self._file.content or {})

    def has_role(self, role: Role) -> bool:
        """Return whether any token has this role, of a file that has vanished any that it held."""
        self._refresh()
        return any(token.role == role for token in (self._last or {}).values())

    def find(self, shown: str | None) -> Token | None:
        """Return the entry of this token, or None if it is not one of ours."""
        match = _TEXT.fullmatch(shown or "")
        token = None if match is None else self._valid(match[1])
        if shown is None or token is None or not hmac.compare_digest(token.sha256, _hash(shown)):
            return None
        return token

    def holds(self, token: Token) -> bool:
        """Return whether this entry is still valid, unchanged."""
        return self._valid(token.id) == token

    def _valid(self, identity: str) -> Token | None:
        """Return the entry with an id: of the file, or a reader's of a file that has vanished."""
        self._refresh()
        token = (self._last or {}).get(identity)
        return None if token is not None and self._file.content is None and token.role != "reader" else token

    def _refresh(self) -> None:
        if not self._file.changed():
            return
        if self._file.content is not None:
            self._last = self._file.content
        else:
            log.error(
                "%s is gone: tokens of officials and gateways are refused, those of readers stay valid; put the file"
                " back, or make tokens by `matline token add`",
                self.path,
            )


def _by_id(data: bytes | None) -> dict[str, Token] | None:
    return None if data is None else {token.id: token for token in parse_tokens(data)}


def _hash(shown: str) -> str:
    return hashlib.sha256(shown.encode()).hexdigest()
