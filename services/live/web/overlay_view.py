"""The graphics as an OGraf package: one manifest each, beside the modules that pages use too. Pure.

Source: EBU OGraf v1, https://ograf.ebu.io/v1/specification/json-schemas/graphics/schema.json; the fields of `schema`
are GDD (Graphics Data Definition), as that schema includes it.
"""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.named import in_language
from services.standings.event_index import EventIndex, title

OGRAF_SCHEMA = "https://ograf.ebu.io/v1/specification/json-schemas/graphics/schema.json"
GRAPHICS = ("leaderboard", "split", "clock", "lower-third")
PAGE_FILES = frozenset({"page.html", "page.css", "page.js", "elements.js"})  # of pages, not of packages

_ZIPPED = (1980, 1, 1, 0, 0, 0)  # the earliest date that ZIP knows, so that equal packages are equal bytes

_NAMES = {
    "leaderboard": ("Leaderboard", "The best of a board, with times; before the first finisher, at the last split."),
    "split": ("Split times", "The first at a point of the course, with gaps."),
    "clock": ("Race clock", "The time since the gun of a race or wave."),
    "lower-third": ("Lower third", "One athlete with place and time; without a bib, the leader."),
}


def ograf_package(event: EventIndex, server: str, modules: Mapping[str, bytes]) -> bytes:
    """Return the ZIP file with the graphics of an event; `modules` are the files of the graphics by name.

    `server` is the address of live as renderers reach it, such as `https://results.example.org`.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for graphic in GRAPHICS:
            manifest = msgspec.json.format(msgspec.json.encode(ograf_manifest(graphic, event, server)), indent=2)
            package.writestr(_zipped(f"{graphic}.ograf.json"), manifest)
        for name, content in sorted(modules.items()):
            if name not in PAGE_FILES:
                package.writestr(_zipped(name), content)
    return packed.getvalue()


def ograf_manifest(graphic: str, event: EventIndex, server: str) -> dict[str, Any]:
    """Return the manifest of a graphic, with the server and the event as defaults of its data."""
    name, description = _NAMES[graphic]
    event_id = event.definition.event
    return {
        "$schema": OGRAF_SCHEMA,
        "id": f"matline-{event_id}-{graphic}",
        "version": "1",
        "name": f"{name}: {in_language(event.definition.name, event.language)}",
        "description": description,
        "main": f"{graphic}.mjs",
        "supportsRealTime": True,
        "supportsNonRealTime": False,
        "stepCount": 1,
        "schema": {
            "type": "object",
            "properties": {
                **_subject_fields(graphic, event),
                **_look_fields(),
                "server": _text("Address of Matline", server),
                "event": _text("Event", event_id),
                "key": _text("Key, where the server wants one", ""),
            },
        },
        "renderRequirements": [{"resolution": {"width": {"ideal": 1920}, "height": {"ideal": 1080}}}],
    }


def _subject_fields(graphic: str, event: EventIndex) -> dict[str, Any]:
    """Return the fields that say what a graphic is about, those that are changed most often first."""
    definition, language = event.definition, event.language
    boards = {board.id: title(board, language) for board in definition.boards}
    team_boards = {board.id: title(board, language) for board in definition.team_boards}
    points = {point.id: point.id for race in definition.races for point in race.points if point.id != "START"}
    races = {race.id: in_language(race.name, language) for race in definition.races}
    furthest = {"": "The furthest that was reached", **points}
    match graphic:
        case "leaderboard":
            return {
                "board": _choice("Board", boards | team_boards),
                "point": _choice("Point", furthest),
                "rows": _number("Rows", 10, 1, 20),
            }
        case "split":
            return {
                "board": _choice("Board", boards),
                "point": _choice("Point", furthest),
                "rows": _number("Rows", 5, 1, 20),
            }
        case "clock":
            return {"race": _choice("Race", races), "wave": _text("Wave, for its own gun", "")}
    return {"bib": _text("Bib", ""), "board": _choice("Board", boards)}


def _look_fields() -> dict[str, Any]:
    return {
        "title": _text("Title instead of the usual one", ""),
        "lang": _choice("Language", {"": "As the event", "vi": "Tiếng Việt", "en": "English"}),
        "theme": _choice("Theme", {"dark": "Dark", "light": "Light"}),
        "side": _choice("Side", {"left": "Left", "right": "Right"}),
        "size": _number("Size in percent", 100, 50, 200),
        "accent": {"type": "string", "title": "Accent colour", "gddType": "color-rrggbb", "pattern": "^#[0-9a-f]{6}$"},
    }


def _text(label: str, default: str) -> dict[str, Any]:
    return {"type": "string", "title": label, "gddType": "single-line", "default": default}


def _choice(label: str, choices: Mapping[str, str]) -> dict[str, Any]:
    """Return a choice among ids with their labels; the first is the default."""
    known = choices or {"": "–"}
    return {
        "type": "string",
        "title": label,
        "gddType": "select",
        "enum": list(known),
        "gddOptions": {"labels": dict(known)},
        "default": next(iter(known)),
    }


def _number(label: str, default: int, least: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "title": label, "default": default, "minimum": least, "maximum": most}


def _zipped(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _ZIPPED)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
