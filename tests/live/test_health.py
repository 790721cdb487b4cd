"""The health of an event over HTTP: the same as `matline office` says of the log, for officials only."""

import json
import time
from pathlib import Path

import msgspec
import pytest

from services.health.examine_event import health
from services.health.observed import Burst, observe, observe_bursts
from services.live.health_reports import EXAMINED_FRESH_US
from services.offline.health_tables import health_of
from services.offline.scored_log import Log
from services.projections.tables import columns_of
from tests.builders import log
from tests.health.planted import clean_day
from tests.live.racing import Racing, serving

FIELD = Path(__file__).parents[1] / "data" / "field"
NAMES = sorted(path.name for path in FIELD.glob("*.jsonl"))


def facts_of(name):
    return [json.loads(line) for line in (FIELD / name).read_bytes().splitlines()]


def of_log(facts):
    made = Log()
    for line in log(*facts):
        made.add(line)
    return msgspec.to_builtins(health_of(made))


@pytest.mark.parametrize("name", NAMES)
async def test_it_is_that_of_the_log(database, name):
    facts = facts_of(name)
    race = Racing(database, facts[0]["event"])
    await race.announce(*facts)
    async with serving(race) as live:
        answer = await live.json(f"/v1/events/{race.event}/health")
    assert answer.pop("revision") == race.revision
    assert answer == of_log(facts)


async def test_a_report_is_given_again_for_a_while_and_as_of_a_revision_is_exact(database):
    *facts, last = facts_of("07-one-reader-an-hour-ahead.jsonl")
    race = Racing(database, "c07")
    await race.announce(*facts)
    async with serving(race) as live:
        first = await live.json("/v1/events/c07/health")
        await race.announce(last)
        assert await live.json("/v1/events/c07/health") == first
        exact = await live.json(f"/v1/events/c07/health?as_of={race.revision}")
    assert exact.pop("revision") == race.revision
    assert exact == of_log([*facts, last])


async def test_an_entry_that_was_withdrawn_keeps_nothing_waiting(database):
    facts = [*facts_of("12-walk-up-not-yet-entered.jsonl")]
    bib = next(fact for fact in facts if fact["type"] == "entries_added")["entries"][0]["bib"]
    facts.append({"type": "entry_withdrawn", "event": "c12", "bib": bib, "reason": "ill"})
    race = Racing(database, "c12")
    await race.announce(*facts)
    async with serving(race) as live:
        answer = await live.json("/v1/events/c12/health")
    assert answer.pop("revision") == race.revision
    assert answer == of_log(facts)


async def test_it_waits_for_the_facts_behind_the_results(database):
    facts = facts_of("12-walk-up-not-yet-entered.jsonl")
    race = Racing(database, "c12")
    await race.announce(*facts, audit=False)
    async with serving(race) as live:
        assert "not all arrived" in (await live.json("/v1/events/c12/health", status=503))["detail"]
        await race.audit()
        await live.json("/v1/events/c12/health")


async def test_without_tokens_it_is_for_this_machine_only(database):
    race = Racing(database, "c12")
    await race.announce(*facts_of("12-walk-up-not-yet-entered.jsonl"))
    async with serving(race) as live:
        await live.json("/v1/events/c12/health", status=403, headers={"X-Forwarded-For": "192.0.2.1"})


def test_reads_that_were_counted_before_give_the_same():
    day = clean_day("tien-phong-2024", 200, 1)
    made = Log()
    for line in day.log_lines():
        made.add(line)
    state = made.state
    assert state is not None
    times: dict[tuple[str, str], list[int]] = {}
    for chip, reads in state.chips.items():
        for at_us, number in zip(reads.at_us, reads.device, strict=True):
            times.setdefault((chip, state.devices.names[number]), []).append(at_us)
    bursts: list[Burst] = []
    for (chip, device), own in times.items():
        for at_us in own:
            last = bursts[-1] if bursts else None
            if last and (last.chip, last.device) == (chip, device) and at_us - last.last_us <= state.rulings.gap_us:
                bursts[-1] = last._replace(last_us=at_us, reads=last.reads + 1)
            else:
                bursts.append(Burst(chip, device, at_us, at_us, 1))
    assert len(bursts) < sum(map(len, times.values())) / 3
    rows = [state.row(bib) for bib in state.rulings.bibs()]
    event, definition = state.event_row(), state.rulings.definition
    assert definition is not None
    counted = health(event, definition, rows, observe_bursts(state.rulings, bursts))
    assert counted == health(event, definition, rows, observe(state))


async def test_a_fresh_report_of_the_projections_is_served_and_an_old_one_only_of_this_revision(database):
    facts = facts_of("12-walk-up-not-yet-entered.jsonl")
    race = Racing(database, "c12")
    await race.announce(*facts[:-1])
    first = race.revision
    await race.announce(facts[-1])
    exact = of_log(facts)
    async with serving(race) as live:

        async def answered(revision, made_at_us):
            report = msgspec.json.encode({"event": "c12", "findings": [], "points": []}).decode()
            kept = [("c12", revision, made_at_us, report)]
            await database.insert("health_reports", columns_of("health_reports", kept), f"{revision} {made_at_us}")
            answer = await live.json("/v1/events/c12/health")
            return answer.pop("revision"), answer

        now_us = time.time_ns() // 1000
        assert await answered(first, now_us - 2 * EXAMINED_FRESH_US) == (race.revision, exact)
        assert await answered(race.revision + 1, now_us - 3) == (race.revision, exact)
        assert await answered(first, now_us - 2) == (first, {"event": "c12", "findings": [], "points": []})
        assert (await answered(race.revision, now_us - 1))[1] != exact


async def test_the_cases_are_listed_under_the_finding_that_explains_them(database):
    race = Racing(database, "c01")
    await race.announce(*facts_of("01-split-mat-dead.jsonl"))
    async with serving(race) as live:
        listed = await live.json("/v1/events/c01/cases")
        exact = await live.json(f"/v1/events/c01/cases?as_of={race.revision}")
    (group,) = listed["groups"]
    assert group["finding"]["kind"] == "point_missing"
    assert group["cases"] == [case["case"] for case in listed["cases"]]
    assert len(group["cases"]) == 6
    assert exact == listed


async def test_cases_that_no_finding_explains_are_listed_while_facts_are_missing(database):
    race = Racing(database, "c01")
    await race.announce(*facts_of("01-split-mat-dead.jsonl"), audit=False)
    async with serving(race) as live:
        (group,) = (await live.json("/v1/events/c01/cases"))["groups"]
        assert (group["finding"], len(group["cases"])) == (None, 6)
        await race.audit()
        (group,) = (await live.json("/v1/events/c01/cases"))["groups"]
        assert group["finding"]["kind"] == "point_missing"
