"""Messages as released: each must be read for ever, and mean what it meant.

The files are in `tests/data/`, one for each schema, with every field that it has. A release that changes a schema adds
a file, and its expectation here; until the release is out the file may be written again (`write_envelope`,
`write_frame`), afterwards never. The fields are compared by value, so that a file which was read into defaults would
show. docs/add-a-fact.md says what a new fact needs here.
"""

from hashlib import sha256
from typing import get_args

import msgspec
import pytest

from schemas.codec import decode_envelope, decode_frame, encode_envelope, encode_frame
from schemas.events import EntriesAdded, Entry, Fact, RaceClosed, kind_of
from schemas.rejected import decode_rejection
from schemas.results import (
    AthleteRow,
    Case,
    EventRow,
    Frame,
    Gun,
    JudgesOrder,
    PointTime,
    Protest,
    Publication,
    StartSignal,
    UnknownChip,
    UnknownChips,
)
from schemas.topics import ENVELOPE_VERSION
from tests import DATA
from tests.schemas.test_events import AT, FACTS

EVENT = "example-2026"
KINDS = {str(kind.__struct_config__.tag): kind for kind in get_args(Fact)}
COMMON = {"id": "f-1", "by": "referee", "recorded_at_us": AT}
NEWEST_FRAME = DATA / "frame-1-0.2.0.msgpack"
RELEASED = {
    "envelope-1.msgpack": "e6d51c67afacbc21aadeb85677c2854f5998ac08a1f178f88747ea783694f9b4",
    "frame-1.msgpack": "b941a8832c805008f632336361640d3050fdf789a27e7a55dc03b800008ba9bd",
    "rejection-1.json": "2f84ca45c8ee574c0f170f3879be5d0ed6a92a5810260b58011979a450840db5",
}
"""The SHA-256 of the files of releases that are out. Each release adds its files, and takes none away."""
LATER_FIELDS = {
    "entries_added": (EntriesAdded.PART_VERSION, {"part_of"}),
    "race_closed": (RaceClosed.LIMIT_VERSION, {"at_us"}),
}
"""Fields that a version added to a kind of fact that was there."""


def envelope(version):
    """One fact of each type that the version brought or gave a field, with every field that it had then."""
    facts = []
    for name in FACTS:
        added, later = LATER_FIELDS.get(name, (KINDS[name].VERSION, set()))
        if version not in (KINDS[name].VERSION, added):
            continue
        fields = {field: value for field, value in FACTS[name][0].items() if version >= added or field not in later}
        fact = {"type": name, "event": EVENT, **COMMON, **fields}
        if name == "reads_received":
            fact["reads"] = [[1, "S1", "C7", AT, -61.5, 2, 3.1], [2, "S1", "C7", AT + 1]]
        facts.append(fact)
    return {"v": version, "event": EVENT, "facts": facts}


def frame_1():
    """An event's row and an athlete's, with every field."""
    entry = msgspec.convert(FACTS["entries_added"][0]["entries"][0], Entry)
    athlete = AthleteRow(
        event=EVENT,
        bib="7",
        version=12,
        race="hm",
        status="FINISHED",
        gun_us=3902120000,
        chip_us=3901000000,
        time_s=3903,
        cut_at="10K",
        missed=["15K"],
        flags=["review", "start_assumed"],
        points=[
            PointTime("START", AT, "main"),
            PointTime("10K", AT + 1, "backup"),
            PointTime("FINISH", AT + 2, "official"),
        ],
        cases=[Case("missed:7", "hm", "7", open=False), Case("team:t:Hà Nội", "hm")],
        unused={"before_gun": 3, "superseded": 1},
        gun_at_us=AT,
        own_gun_us=AT + 1,
        entry=entry,
        first_entry=3 << 20,
        hidden=True,
        gone=True,
    )
    event = EventRow(
        event=EVENT,
        version=12,
        definition={"event": EVENT, "races": [{"id": "hm", "points": [{"km": 21.0975}]}]},
        guns=[Gun("hm", AT), Gun("hm", AT + 1, "A")],
        closed=["hm"],
        orders=[JudgesOrder("hm", ["7", "8"])],
        decided=["missed:7"],
        protests=[Protest("p1", "hm", "he cut the corner", AT, "7", "upheld"), Protest("p2", "hm", "")],
        publications=[Publication("hm", "official", 11, ["men"], AT), Publication("hm", "provisional", 9)],
        pending=["status_set: bib 99 has no entry"],
    )
    return Frame(
        v=1,
        partition=3,
        from_offset=10,
        through_offset=12,
        last=True,
        accepted_us=AT,
        heads={EVENT: 12},
        events=[event],
        rows=[athlete, AthleteRow(event=EVENT, bib="8", version=10, race="hm")],
    )


def newest_frame():
    """The same with the fields that release 0.2.0 adds."""
    frame = frame_1()
    adjusted = {name: 30_250_000 + index for index, name in enumerate(AthleteRow.ADJUSTMENTS)}
    athlete = msgspec.structs.replace(frame.rows[0], **adjusted)
    signals = [StartSignal("BOX", "gunshot", AT, "notice-1")]
    event = msgspec.structs.replace(frame.events[0], closed_at_us={"hm": AT}, archived=True, signals=signals)
    listed = [UnknownChip("W900", 3, AT, AT + 1, ["S1", "F1"], 2)]
    chips = UnknownChips(event=EVENT, version=12, chips=listed, left_out=4)
    rows = [athlete, *frame.rows[1:]]
    return msgspec.structs.replace(frame, events=[event], rows=rows, unknown_chips=[chips], resends_all=True)


def write_envelope(version):
    """Write the file of a version of envelopes that is not released yet."""
    path = DATA / f"envelope-{version}.msgpack"
    assert path.name not in RELEASED
    path.write_bytes(msgspec.msgpack.encode(envelope(version)))


def write_frame():
    """Write the file of the newest frame, which is not released yet."""
    assert NEWEST_FRAME.name not in RELEASED
    NEWEST_FRAME.write_bytes(encode_frame(newest_frame()))


REJECTION_1 = {
    "v": 1,
    "event": EVENT,
    "source": "mylaps",
    "reason": "its checksum is wrong",
    "raw": b"\x00@frame$",
    "size": 900,
    "gateway": "van",
    "index": 2,
    "topic": "race-log",
    "partition": 3,
    "offset": 12,
    "recorded_at_us": AT,
}


def read_envelope(version):
    """The facts of a file, after its bytes were compared with plain objects and its facts with their fields."""
    data = (DATA / f"envelope-{version}.msgpack").read_bytes()
    plain = envelope(version)
    assert msgspec.msgpack.decode(data) == plain
    record = decode_envelope(data)
    assert (record.v, record.event, len(record.facts)) == (version, EVENT, len(plain["facts"]))
    for fact, written in zip(record.facts, plain["facts"], strict=True):
        assert kind_of(fact) == written["type"]
        for name, value in written.items():
            if name not in ("type", "reads"):
                assert msgspec.to_builtins(getattr(fact, name)) == value, name
    return record.facts


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_message_is_never_written_again(name):
    assert sha256((DATA / name).read_bytes()).hexdigest() == RELEASED[name]


def test_the_messages_of_a_release_that_is_out_are_all_pinned():
    """The head of the changelog says whether one is not out yet."""
    head = next(line for line in (DATA.parents[1] / "CHANGELOG.md").read_text().splitlines() if line.startswith("## "))
    golden = {path.name for kind in ("envelope", "frame", "rejection") for path in DATA.glob(f"{kind}-*")}
    assert set(RELEASED) <= golden
    assert "Unreleased" in head or set(RELEASED) == golden


def test_an_envelope_of_version_1_is_read():
    reads = next(fact.reads for fact in read_envelope(1) if hasattr(fact, "reads"))
    assert [(r.seq, r.device, r.chip, r.at_us, r.rssi, r.antenna, r.battery) for r in reads] == [
        (1, "S1", "C7", AT, -61.5, 2, 3.1),
        (2, "S1", "C7", AT + 1, None, None, None),
    ]


def test_an_envelope_of_version_2_is_read():
    facts = {kind_of(fact): fact for fact in read_envelope(2)}
    assert facts["penalty_set"].penalty_us == -30_250_000
    waiver = facts["point_waived"]
    assert (waiver.race, waiver.point, waiver.from_us, waiver.until_us) == ("hm", "10K", AT, AT + 1)
    assert facts["race_closed"].at_us == AT
    assert facts["entry_withdrawn"].bib == "7"


def test_the_envelopes_have_every_kind_of_fact_with_every_field():
    """A kind or a field that is added after a release comes with a file of its own."""
    fields = {}
    for version in range(1, ENVELOPE_VERSION + 1):
        for fact in envelope(version)["facts"]:
            fields.setdefault(fact["type"], set()).update(fact.keys() - {"type"})
    assert fields == {tag: set(kind.__struct_fields__) for tag, kind in KINDS.items()}


def test_a_record_has_the_lowest_version_that_holds_its_facts():
    """So a scorer of the release before stops at the first fact that it cannot know, and not earlier."""
    old, new = read_envelope(1), read_envelope(2)
    for facts, version in ((old, 1), (new, 2), (old + new, 2)):
        assert decode_envelope(encode_envelope(EVENT, facts)).v == version
    assert [fact.envelope_version() for fact in old + new] == [1] * len(old) + [2] * len(new)


def test_a_frame_of_version_1_is_read():
    assert decode_frame((DATA / "frame-1.msgpack").read_bytes()) == frame_1()


def test_a_rejection_of_version_1_is_read():
    dead_letter = decode_rejection((DATA / "rejection-1.json").read_bytes())
    assert {name: getattr(dead_letter, name) for name in REJECTION_1} == REJECTION_1


def test_a_frame_of_release_0_2_0_is_read():
    """It adds the penalty, which a reader of the first release passes over: times hold it already."""
    assert decode_frame(NEWEST_FRAME.read_bytes()) == newest_frame()


@pytest.mark.parametrize("kind", [AthleteRow, EventRow, Frame])
def test_the_newest_frame_leaves_no_field_at_its_default(kind):
    """So nothing in it could get lost unseen."""
    frame = newest_frame()
    value = {AthleteRow: frame.rows[0], EventRow: frame.events[0], Frame: frame}[kind]
    for field in msgspec.structs.fields(kind):
        if not field.required:
            default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
            assert getattr(value, field.name) != default, field.name
