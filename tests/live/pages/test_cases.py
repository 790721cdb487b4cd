"""Cases of athletes and teams, without a database."""

from services.health.health_document import Finding
from services.live.pages.cases import build_cases, event_cases
from tests.builders import board, decided, defined, definition, entries, entry, gun, run
from tests.live.loaded import LoadedEvent

OF = definition(
    boards=[board("men", gender="M"), board("all")],
    team_boards=[
        {"id": "z-teams", "of": "men", "counting": 1, "max_members": 1},
        {"id": "a-teams", "of": "all", "counting": 1, "max_members": 1},
    ],
)


def test_team_cases_follow_the_definition_and_athletes_cases():
    loaded = LoadedEvent(
        defined(OF), entries(entry("1", team="Hue")), gun(0), run("1", k10=None), decided("team:z-teams:Hue", "accept")
    )
    crowded = {"a-teams": ["Hue", "Vinh"], "z-teams": ["Hue"], "gone": ["Hue"]}
    finding = Finding(
        kind="point_missing", subject={"mat": "10k"}, since_us=5, evidence={"cases": ["missed:1", "missed:2"]}
    )
    cases = event_cases(loaded.event, list(loaded.athletes.values()), [], crowded)
    decisions = {"team:z-teams:Hue": "accept"}
    listed = build_cases(loaded.announced, cases, loaded.athletes, decisions, [], [finding])
    assert [(case["case"], case["open"]) for case in listed["cases"]] == [
        ("missed:1", True),
        ("team:z-teams:Hue", False),
        ("team:a-teams:Hue", True),
        ("team:a-teams:Vinh", True),
    ]
    assert listed["open"] == 3
    assert listed["cases"][0]["missed"] == ["10K"]
    assert [(case["name"], case["outcome"]) for case in listed["cases"][:2]] == [
        ("No 1 Runner", None),
        (None, "accept"),
    ]
    assert listed["groups"] == [
        {"finding": {"kind": "point_missing", "subject": {"mat": "10k"}, "since_us": 5}, "cases": ["missed:1"]},
        {"finding": None, "cases": ["team:a-teams:Hue", "team:a-teams:Vinh"]},
    ]
    assert {case["race"] for case in listed["cases"]} == {"hm"}
