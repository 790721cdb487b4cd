"""What `matline doctor` says of each thing, and what to do about it."""

import json

import pytest

from schemas.topics import RACE_LOG, TOPICS
from services.operate.doctor import (
    clock_line,
    event_lines,
    reader_clock_lines,
    rights_line,
    service_lines,
    source_lines,
    token_lines,
    topic_lines,
)
from services.operate.tokens_command import add_main
from services.watch.ask_services import addresses
from services.watch.watched_service import WatchedService


def described(**changes):
    """The topics as Kafka's client describes them; a change gives the partitions of one."""
    partition = {"partition": 0, "replicas": [1, 2, 3], "isr": [1, 2, 3]}
    return [
        {"topic": topic.name, "partitions": changes.get(topic.name.replace("-", "_"), [partition])} for topic in TOPICS
    ]


def configs(**changes):
    kept = {topic.name: {**topic.config, "min.insync.replicas": "2"} for topic in TOPICS}
    kept[RACE_LOG.name] |= {name.replace("_", "."): value for name, value in changes.items()}
    return kept


def levels(lines):
    return {line.subject: line.level for line in lines}


def test_topics_as_they_are_made_are_in_order():
    lines = list(topic_lines(described(), configs(), 1, 3))
    assert {line.level for line in lines} == {"ok"}
    assert lines[0].state == "partitions 1, copies 3, min.insync.replicas 2, kept for ever"


def test_topics_that_are_missing_are_named_with_the_command_that_makes_them():
    lines = list(topic_lines(described()[1:], configs(), None, 3))
    assert (lines[0].level, lines[0].state) == ("fault", "race-log missing")
    assert "matline topics create" in lines[0].remedy


@pytest.mark.parametrize(
    ("partition", "said"),
    [
        ({"partition": 0, "replicas": [1, 2, 3], "isr": [1]}, "too few are up to date"),
        ({"partition": 0, "replicas": [1, 2, 3], "isr": [1, 2]}, "of 0 not all are up to date"),
    ],
)
def test_copies_that_are_behind_are_a_fault(partition, said):
    lines = list(topic_lines(described(race_log=[partition]), configs(), None, 3))
    assert lines[0].level == "fault"
    assert said in lines[0].state


def test_a_race_log_that_forgets_is_a_fault_and_other_partitions_than_set_too():
    lines = list(topic_lines(described(), configs(retention_ms="604800000"), 12, 3))
    assert levels(lines)["topic race-log"] == "fault"
    assert "retention.ms=604800000 instead of -1" in lines[0].state
    assert lines[-1].state == "is 12, race-log has 1"


def test_partition_counts_that_differ_are_a_fault():
    two = [{"partition": number, "replicas": [1], "isr": [1]} for number in range(2)]
    lines = list(topic_lines(described(results=two), configs(min_insync_replicas="1"), None, 1))
    assert lines[0].state == "partitions differ: {'race-log': 1, 'results': 2}"


def test_a_single_copy_is_remarked_on_where_there_are_more_brokers():
    one = [{"partition": 0, "replicas": [1], "isr": [1]}]
    found = configs(min_insync_replicas="1")
    assert levels(topic_lines(described(race_log=one), found, None, 3))["topic race-log"] == "note"
    assert levels(topic_lines(described(race_log=one), found, None, 1))["topic race-log"] == "ok"


def test_a_clock_that_is_apart_is_a_fault_with_its_direction():
    assert clock_line("live", 0.2).level == "ok"
    assert clock_line("live", 90).state == "90.0 s ahead of this machine's"
    assert clock_line("live", -90).state == "90.0 s behind this machine's"


@pytest.mark.parametrize(
    ("grants", "level", "said"),
    [
        (["GRANT ALL ON *.* TO default WITH GRANT OPTION"], "ok", "may write"),
        (["GRANT SHOW, SELECT, INSERT, ALTER, CREATE, DROP, TRUNCATE ON *.* TO default"], "ok", "may write"),
        (
            [
                "GRANT SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW ON matline.* TO projections",
                "GRANT SELECT ON system.disks TO projections",
            ],
            "note",
            "the user may not DROP VIEW",  # as the release before leases asked for
        ),
        (["GRANT SELECT ON matline.* TO live"], "note", "INSERT, CREATE TABLE, CREATE VIEW, DROP VIEW, ALTER"),
        (["GRANT SELECT ON system.parts TO nobody"], "fault", "may not read"),
        ([], "fault", "may not read"),
    ],
)
def test_rights_that_the_projections_need_are_named_if_they_are_lacking(grants, level, said):
    line = rights_line(grants)
    assert line.level == level
    assert said in line.state


def test_tokens_are_counted_by_role_and_their_lack_is_a_fault_only_where_others_reach_ingest(tmp_path, capsys):
    path = tmp_path / "tokens.json"
    assert [line.level for line in token_lines(path, "127.0.0.1")] == ["note"]
    assert [line.level for line in token_lines(path, "0.0.0.0")] == ["fault"]
    there = {"MATLINE_TOKENS": str(path)}
    assert add_main(there, "gateway", "tent", ["e"], []) == 0
    assert [line.state for line in token_lines(path, "0.0.0.0")] == [
        "1 of role gateway, 0 of role official, 0 of role reader; nobody is official"
    ]
    assert add_main(there, "official", "office", ["e"], []) == 0
    assert [line.level for line in token_lines(path, "0.0.0.0")] == ["ok"]
    path.write_text("{}")
    assert [line.level for line in token_lines(path, "0.0.0.0")] == ["fault"]
    capsys.readouterr()


def test_readers_are_counted_and_a_file_with_faults_is_one(tmp_path):
    assert source_lines(None)[1][0].level == "ok"
    path = tmp_path / "matline.toml"
    assert source_lines(str(path))[1][0].level == "fault"
    path.write_text('[[sources]]\nprotocol = "mylaps"\nevent = "e"\ngateway = "tent"\nzone = "+07:00"\n')
    sources, (line,) = source_lines(str(path))
    assert (line.level, line.state) == ("ok", f"{path} has 1")
    answer = {"date": "2026-01-04", "races": [{"race": "hm", "start": "05:00", "counts": {"NOT_STARTED": 3}}]}
    said = list(event_lines("e", 200, json.dumps(answer).encode(), sources))
    assert [(line.level, line.subject) for line in said] == [
        ("ok", "event e"),
        ("ok", "race hm"),
        ("ok", "readers of e"),
    ]


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (404, {}, "live does not know it"),
        (401, {}, "live wants a token"),
        (200, {"races": []}, "has no definition yet"),
        (200, {"date": "2026-01-04", "races": [{"race": "hm", "start": "05:00", "counts": {}}]}, "has no entries"),
    ],
)
def test_an_event_that_is_not_ready_is_a_fault_that_says_what_to_send(status, answer, said):
    *_, line = event_lines("e", status, json.dumps(answer).encode(), [])
    assert (line.level, line.state) == ("fault", said)
    assert line.remedy


def test_services_that_do_not_answer_or_are_not_ready_are_faults():
    away = WatchedService("live", "http://127.0.0.1:8700", "does not answer at http://127.0.0.1:8700", [])
    assert [line.level for line in service_lines([away])] == ["fault"]
    assert list(reader_clock_lines(away)) == []


def test_services_are_looked_for_at_their_ports_and_an_address_for_all_at_this_machine():
    assert addresses({"MATLINE_HOST": "0.0.0.0", "MATLINE_LIVE_PORT": "8790"}) == {
        "ingest": ["http://127.0.0.1:8701"],
        "scoring": ["http://127.0.0.1:8702"],
        "projections": ["http://127.0.0.1:8703"],
        "live": ["http://127.0.0.1:8790"],
    }
