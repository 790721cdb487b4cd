"""Files out of devices' memories: lines from the makers' manuals and from programs that import them, as reads.

Sources are named in the modules of the formats.
"""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.ingest.memory_files.file_lines import FileSettings, UnknownFile
from services.ingest.memory_files.formats import BAD_KEPT_MAX, READS_MAX, BadLine, MemoryFile, read_file

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


def read(text: str | bytes, **settings: Any) -> MemoryFile:
    data = text if isinstance(text, bytes) else text.encode()
    given: dict[str, Any] = {"zone": HANOI, "day": date(2026, 1, 4), **settings}
    return read_file(data, FileSettings(**given))


def us(text: str) -> int:
    """Return an instant given with its offset."""
    return round(datetime.fromisoformat(text).timestamp() * 1e6)


def seen(memory: MemoryFile) -> list[tuple[str, str, int | None, int, float | None]]:
    return [(item.read.where, item.read.chip, item.read.antenna, item.at_us, item.read.rssi) for item in memory.reads]


READS = [
    (
        "TO,43,3,220,2,1413615526.80,10EC17,4,-57,80,P,56",
        *("chronotrack", "10EC17", "3", 4, "2014-10-18T06:58:46.8+07:00", -57),
    ),
    (
        "TO~000001~009573~160~018~1620460343.17~104484~8~-71~00001~P~10",
        *("chronotrack", "104484", "009573", 8, "2021-05-08T07:52:23.17+07:00", -71),
    ),
    (
        "CT01_13,1,MINI10438,1894,20:26:41.07,1,1085B1,2",
        *("chronotrack", "MINI10438", "1894", 2, "2026-01-04T20:26:41.07+07:00", None),
    ),
    (
        "CT01_33~1~start~9478~14:02:15.31~0~0F2A38~1",
        *("chronotrack", "start", "9478", 1, "2026-01-04T14:02:15.31+07:00", None),
    ),
    (
        "1;33;0000-00-00;00:00:02.773;6692;12;-68;09ca52",
        *("raceresult", "", "6692-33", None, "2026-01-04T00:00:02.773+07:00", -68),
    ),
    (
        "#P;12;33;2026-01-04;05:31:02.773;6692;12;-68;09ca52;0;;;;;;;;Finish;41;3;D-5012",
        *("raceresult", "Finish", "6692-33", 3, "2026-01-04T05:31:02.773+07:00", -68),
    ),
    (
        "0,11055,1170518701,698,1,-71,0,2,1,0000000000000000,0,29319",
        *("ultra", "1", "11055", 5, "2017-02-02T16:05:01.698+07:00", -71),
    ),
    (
        '1,11055,,"2017-02-02 16:05:01.698",2,1',
        *("outreach", "2", "11055", 1, "2017-02-02T16:05:01.698+07:00", None),
    ),
    ('3,58A1,,"5:05:01.698"', "outreach", "", "58A1", 3, "2026-01-04T05:05:01.698+07:00", None),
    ("11055\t16:05:01.698\t2\t1", "outreach", "2", "11055", 1, "2026-01-04T16:05:01.698+07:00", None),
    (
        "aa0005800012860800012603062027472353",
        *("ipico", "00", "058000128608", None, "2026-03-06T20:27:47.35+07:00", None),
    ),
    (
        "aa400000000123450a2a01123018455927a7FS\\",
        *("ipico", "40", "000000012345", None, "2001-12-30T18:45:59.39+07:00", None),
    ),
    (
        "2025-03-08T14:44:01.065Z message: Start@Store@SS3507315:43:58.065 5 01 13001B2503087E@1@",
        *("mylaps", "Start", "SS35073", None, "2025-03-08T15:43:58.065+07:00", None),
    ),
    (
        "01539;22-09-2011 02:41:30.620;0A;559;;0",
        *("wiclax", "0A", "01539", None, "2011-09-22T02:41:30.62+07:00", None),
    ),
    (
        "DJ413A35 10:11:16.4433 10  10000      C7 date=20120806",
        *("jchip", "", "413A35", None, "2012-08-06T10:11:16.4433+07:00", None),
    ),
    (
        "DJ413A35 10:11:16.4433 11  10000      C7",
        *("jchip", "", "413A35", None, "2026-01-04T10:11:16.4433+07:00", None),
    ),
    (
        "10KM@Passing@t=13:11:30.904|c=0000041|ct=UH|d=120606|l=13|dv=4|re=0|an=00001111|g=0|b=41|n=41@1016@$",
        *("mylaps", "10KM", "0000041", None, "2012-06-06T13:11:30.904+07:00", None),
    ),
    (
        "SS3507315:43:58.065 5 01 13001B2503087E",
        *("mylaps", "", "SS35073", None, "2025-03-08T15:43:58.065+07:00", None),
    ),
]
LINES = [line for line, *_ in READS]


@pytest.mark.parametrize(("line", "name", "where", "chip", "antenna", "at", "rssi"), READS)
def test_a_line_is_a_read_of_its_format(line, name, where, chip, antenna, at, rssi):
    memory = read(line)
    assert memory.format.name == name
    assert memory.bad.first == []
    assert seen(memory) == [(where, chip, antenna, us(at), rssi)]


def test_days_of_a_jchip_file_are_counted_from_its_first_read_which_is_on_the_day_given():
    lines = [f"DJ413A35 10:11:16 {count}  10000      C7" for count in ("13", "14", "13", "12", "13", "17", "10")]
    memory = read("\n".join(lines))
    dates = ["2026-01-04", "2026-01-05", "2026-01-04", "2026-01-03", "2026-01-04", "2026-01-08", "2026-01-11"]
    assert [item.at_us for item in memory.reads] == [us(f"{day}T10:11:16+07:00") for day in dates]
    assert memory.lacks_dates, "so the import says which day it took"
    assert not read("DJ413A35 10:11:16.4433 13  10000      C7 date=20120806").lacks_dates


NUMBERS = {"chip": "1", "time": "2", "device": "3", "antenna": "4"}
CHRONOKEEP = (
    "status,chip_number,seconds,milliseconds,time_seconds,time_milliseconds,antenna,reader,box,log_index,rssi,"
    "is_rewind,reader_time,start_time,read_bib,type\n"
)


def test_chronokeep_counts_from_1980_and_the_boxes_own_time_is_taken():
    memory = read(
        CHRONOKEEP + '"0","11055","1170518701","698","1170518801","0","1","2","Box 7","29319","-71","0","","0","","0"'
    )
    assert memory.format.name == "chronokeep"
    assert seen(memory) == [("Box 7", "11055", 1, us("2017-02-02T16:05:01.698+07:00"), -71)]


def test_a_table_of_ubidium_is_read_by_its_headings():
    memory = read("id;time.local;rssi\n00A1;2026-01-04 05:00:00.123;-60\n")
    assert seen(memory) == [("", "00A1", None, us("2026-01-04T05:00:00.123+07:00"), -60)]


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("Chip,Date,Time,Location,Port\nA1,2026-01-04,05:00:01.5,FINISH,2\n", {}),
        ("Results of the morning\n\nTag\tTimestamp\tReader\tAntenna\nA1\t2026-01-04T05:00:01.5\tFINISH\t2\n", {}),
        ("Mã chip;Thời gian;Vị trí;antenna\nA1;2026-01-03 22:00:01.5Z;FINISH;2\n", {}),
        (
            "wer;wann;wo;nr\nA1;04.01.2026 5:00:01,5;FINISH;2\n",
            {"chip": "WER", "time": "wann", "device": "wo", "antenna": "nr"},
        ),
        ("A1|01/04/2026 5:00:01.5 am|FINISH|2\n", NUMBERS),
        ('"A1","1767477601500","FINISH","2"', NUMBERS),
    ],
)
def test_a_table_is_read_by_usual_headings_or_named_columns(table, columns):
    memory = read(table, columns=columns)
    assert memory.bad.first == []
    assert seen(memory) == [("FINISH", "A1", 2, us("2026-01-04T05:00:01.5+07:00"), None)]


def test_a_bad_line_loses_nothing_else_and_is_named():
    memory = read("Chip,Time\nA1,05:00:01\n,05:00:02\nA3,25:00:00\n# a remark\nA4,05:00:04\n")
    assert [item.read.chip for item in memory.reads] == ["A1", "A4"]
    assert [bad.line for bad in memory.bad.first] == [3, 4]
    assert memory.bad.first[1] == BadLine(4, "25:00:00 is not a time of day")


def test_a_bad_record_loses_nothing_else_of_its_line():
    memory = read("Start@Store@SS3507315:43:58.065 5 01 13001B25030800@SS3507315:43:58.065 5 01 13001B2503087E@1@$")
    assert [item.read.chip for item in memory.reads] == ["SS35073"]
    assert "checksum" in memory.bad.first[0].reason


def test_guns_are_marks_and_no_reads():
    memory = read(
        "0,0,1170518700,0,0,0,0,1,1,0000000000000000,0,1\n0,11055,1170518701,698,1,-71,0,2,1,0000000000000000,0,2"
    )
    assert [(item.line, item.mark.kind, item.at_us) for item in memory.marks] == [
        (1, "gun", us("2017-02-02T16:05:00+07:00"))
    ]
    assert len(memory.reads) == 1
    [mark] = read("CT01_33~4~start~guntime~07:45:01.01~0~DF239A~0").marks
    assert mark.mark.kind == "guntime"


def test_times_of_day_run_past_midnight():
    memory = read("Chip,Time\nA,23:59:58\nB,00:00:01\nC,23:59:59\nD,06:00:00\n")
    assert [item.at_us - us("2026-01-04T00:00+07:00") for item in memory.reads] == [
        seconds * 1_000_000 for seconds in (86_398, 86_401, 86_399, 108_000)
    ]


def test_a_shift_is_added_to_every_time():
    [item] = read("Chip,Time\nA,05:00:00\n", shift_us=-1_500_000).reads
    assert item.at_us == us("2026-01-04T04:59:58.5+07:00")


def test_a_decoder_whose_clock_was_never_set_counts_from_what_somebody_says():
    line = "1;33;0000-00-00;00:00:02.773;6692;12;-68;09ca52"
    [item] = read(line, began_us=us("2026-01-04T05:00:01+07:00")).reads
    assert item.at_us == us("2026-01-04T05:00:03.773+07:00")
    with pytest.raises(UnknownFile, match="began"):
        read(line, day_given=False)


def test_a_line_without_an_end_in_sight_is_a_bad_line():
    memory = read("Chip,Time\nA,05:00:00\n" + "x" * 200_000 + "\nB,05:00:01\n")
    assert [item.read.chip for item in memory.reads] == ["A", "B"]
    assert [bad.line for bad in memory.bad.first] == [3]


def test_utf_16_and_byte_order_marks_are_read():
    for data in ("Chip;Time\r\nÄ1;05:00:00\r\n".encode("utf-16"), "\ufeffChip;Time\nÄ1;05:00:00\n".encode()):
        assert [item.read.chip for item in read(data).reads] == ["Ä1"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no lines"),
        (b"PK\x03\x04rest", "CSV"),
        (b"hello\nworld", "no known format"),
        (b"name,age\nAn,20", "no known format"),
    ],
)
def test_what_is_no_file_of_reads_is_refused_in_words(data, words):
    with pytest.raises(UnknownFile, match=words):
        read(data)


def test_a_named_column_that_is_not_there_is_refused():
    with pytest.raises(UnknownFile, match="no column of chip"):
        read("Nr,Time\nA,05:00:00\n", columns={"chip": "Tag"})


def test_the_zone_of_a_controller_of_chronotrack_must_be_said():
    with pytest.raises(UnknownFile, match="UTC"):
        read("TO,43,3,220,2,1413615526.80,10EC17,4,-57,80,P,56", zone_given=False)
    [item] = read("TO,43,3,220,2,1413615526.80,10EC17,4,-57,80,P,56", zone=UTC).reads
    assert item.at_us == 1_413_615_526_800_000


def test_times_without_a_date_need_a_day():
    with pytest.raises(UnknownFile, match="without a date"):
        read("Chip,Time\nA,05:00:00\n", day=None)


def test_a_date_that_may_be_two_is_refused_unless_the_day_decides():
    assert read("Chip,Time\nA,03/04/2026 05:00:00\n").bad.first[0].reason.startswith("03/04/2026 may be two dates")
    [item] = read("Chip,Time\nA,03/04/2026 05:00:00\n", day=date(2026, 4, 3)).reads
    assert item.at_us == us("2026-04-03T05:00:00+07:00")


def test_a_time_that_did_not_occur_or_occurred_twice_is_a_bad_line():
    memory = read("Chip,Time\nA,2026-10-25 02:30:00\nB,2026-03-29 02:30:00\n", zone=ZoneInfo("Europe/Berlin"))
    assert [bad.line for bad in memory.bad.first] == [2, 3]


def test_whether_times_lack_dates_is_known():
    assert not read("Chip,Time\nA,2026-01-04 05:00:00\n").lacks_dates
    assert read("Chip,Time\nA,05:00:00\n").lacks_dates


def test_of_very_many_bad_lines_the_first_are_kept_and_all_are_counted():
    memory = read("Chip,Time\n" + "A,?\n" * 5_000 + "B,05:00:01\n")
    assert [item.read.chip for item in memory.reads] == ["B"]
    assert (memory.bad.total, len(memory.bad.first)) == (5_000, BAD_KEPT_MAX)
    assert memory.bad.first[-1].line == BAD_KEPT_MAX + 1


def test_the_reason_of_a_bad_line_is_short_however_long_the_line():
    (bad,) = read("Chip,Time\nA,05:00:00\nB," + "?" * 60_000 + "\n").bad.first
    assert len(bad.reason) <= 1_000


def test_a_file_with_more_reads_than_fit_into_memory_is_to_be_split():
    with pytest.raises(UnknownFile, match="more than 500,000 reads; split the file"):
        read("0,C7,1451970005,120,1,-58,0,1,7,0000000000000000,0,2\n" * (READS_MAX + 1), zone=UTC)
