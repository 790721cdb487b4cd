"""The commands on log files list every fact that waits, with the nearest known name."""

import json
from pathlib import Path

import pytest

from services.offline import office_command, score_command

MISTYPED = Path(__file__).parents[1] / "data" / "field" / "26-mistyped-facts.jsonl"
FIRST = 6  # the line of the first mistyped fact

WAITS = [
    ("status_set", "bib '11' has no entry; did you mean '1'?"),
    ("case_decided", "there is no case 'missed:2' now; none is known yet"),
    ("clock_corrected", "no mat lists device 'm10'; did you mean 'M10'?"),
    ("time_set", "race 'hm', which bib '1' runs, has no point '10KM'; did you mean '10K'"),
    ("gun_fired", "race 'hm2' is not defined; did you mean 'hm'?"),
    ("gun_fired", "no entry of race 'hm' is in wave 'Z'; none is known yet"),
    ("device_assigned", "mat 'm10k' is not defined; did you mean 'm10'"),
    ("read_excluded", "device 'M5' did not read chip 'A1' at 05:20:00.000001"),
    ("fact_withdrawn", "no fact has the id 'no-such'; none is known yet"),
    ("order_set", "bib '9' has no entry; known: '1' and '2'"),
    ("results_published", "race 'hm2' is not defined; did you mean 'hm'?"),
    ("entry_hidden", "bib '99' has no entry; known: '1' and '2'"),
]


def test_office_names_all_twelve_mistyped_facts(capfdbinary):
    assert office_command.run(str(MISTYPED), None, "json", False) == 0
    waiting = json.loads(capfdbinary.readouterr().out)["waiting"]
    assert [fact["record"] for fact in waiting] == list(range(FIRST, FIRST + 12))
    for fact, (kind, why) in zip(waiting, WAITS, strict=True):
        assert fact["type"] == kind
        assert fact["waits_for"][0].startswith(why)


@pytest.mark.parametrize("command", [score_command, office_command])
def test_tables_name_all_twelve_mistyped_facts(command, capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    assert command.run(str(MISTYPED), None, "text", False) == 0
    shown = capfd.readouterr().out
    assert "Facts that wait" in shown
    for kind, why in WAITS:
        assert any(kind in line and why in line for line in shown.splitlines()), why


def test_a_fact_that_is_withdrawn_or_that_has_found_what_it_names_waits_no_longer(tmp_path, capfdbinary):
    lines = MISTYPED.read_text().splitlines()
    named = json.dumps({**json.loads(lines[5]), "id": "typo"})
    taken_back = {"type": "fact_withdrawn", "event": "c26", "fact": "typo", "reason": "meant bib 1"}
    entry = {"bib": "99", "chips": [], "race": "hm", "gender": "F", "given_name": "A", "family_name": "B"}
    entered = {"type": "entries_added", "event": "c26", "entries": [entry]}
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join([*lines[:5], named, *lines[6:], json.dumps(taken_back), json.dumps(entered)]) + "\n")
    assert office_command.run(str(path), None, "json", False) == 0
    waiting = json.loads(capfdbinary.readouterr().out)["waiting"]
    assert [fact["type"] for fact in waiting] == [kind for kind, _ in WAITS[1:-1]]
