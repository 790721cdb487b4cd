"""Numbered migrations: SQL files applied once each, in order, and never edited once released."""

import re
from importlib.resources import files

from services.runtime.clickhouse import Database
from services.runtime.faults import StartFault

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_COMMENT = re.compile(r"^--[^\n]*", re.MULTILINE)
_STATEMENT_END = re.compile(r";\s*$", re.MULTILINE)


def migrations() -> list[tuple[int, str]]:
    """Return the number and the statements of each migration, in order."""
    numbered = []
    for file in files("services.projections").joinpath("migrations").iterdir():
        match = _NAME.fullmatch(file.name)
        if match is not None:
            numbered.append((int(match[1]), file.read_text()))
    return sorted(numbered)


def statements(text: str) -> list[str]:
    """Return the statements of a migration, without comments."""
    return [statement for statement in _STATEMENT_END.split(_COMMENT.sub("", text)) if statement.strip()]


async def migrate(database: Database) -> list[int]:
    """Bring the tables up to this release, and return the numbers of the migrations applied now.

    Raises StartFault for tables of a newer release, DatabaseUnavailable. A migration that was interrupted is applied
    again from its beginning, so each of its statements is `IF NOT EXISTS` or the like: ClickHouse has no transaction
    around them.
    """
    await database.command(
        "CREATE TABLE IF NOT EXISTS migrations (number UInt32) ENGINE = ReplacingMergeTree ORDER BY number"
    )
    done = {number for (number,) in await database.query("SELECT number FROM migrations")}
    known = migrations()
    if done and max(done) > max(number for number, _ in known):
        raise StartFault(
            f"{database.address} has tables of migration {max(done)}; this release knows up to {known[-1][0]}. Use the"
            " newer release. To go back to this one, stop scoring, projections and live, and run `matline rebuild`: the"
            " tables are then made anew from the log"
        )
    applied = []
    for number, text in known:
        if number in done:
            continue
        for statement in statements(text):
            await database.command(statement)
        await database.insert("migrations", {"number": ("UInt32", [number])}, f"migration:{number}")
        applied.append(number)
    return applied
