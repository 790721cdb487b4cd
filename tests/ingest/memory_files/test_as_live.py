"""A file of what a device sent live has the very reads of the live stream: place, antenna, chip and instant."""

from datetime import timedelta, timezone

import pytest

from services.ingest.decoders.messages import DecodedRead, Now
from services.ingest.decoders.protocol import ReaderSettings
from services.ingest.memory_files.file_lines import FileSettings
from services.ingest.memory_files.formats import read_file
from services.ingest.readers.registry import PROTOCOLS

ZONE = timezone(timedelta(hours=7))
NOW = Now(1_767_477_600_000_000, 100.0)
STREAMS: dict[str, tuple[bytes, ...]] = {
    "mylaps": (
        b"Start@Store@SS3507315:43:58.065 5 01 13001B2503087E@1@$\r\n",
        b"10KM@Passing@t=13:11:30.904|c=0000041|d=120606|ans=3|amd=-61.5|dv=4|re=0@1016@$\r\n",
    ),
    "ipico": (b"aa0005800012860800012603062027472353\r\n", b"aa400000000123450a2a01123018455927a7FS\r\n"),
    "ultra": (
        b"0,11055,1170518701,698,1,-71,0,2,1,0000000000000000,0,29319\n",
        b"0,58A1,1170518702,5,3,-60,1,1,1,0000000000000000,0,29320\n",
    ),
    "wiclax": (b"01539;22-09-2011 02:41:30.620;0A;559;;0\r", b"7;22-09-2011 02:41:31;0B;560;65;1\r"),
}


@pytest.mark.parametrize("protocol", STREAMS)
def test_a_file_has_the_reads_of_the_live_stream(protocol: str):
    connect = PROTOCOLS[protocol].watch or PROTOCOLS[protocol].connect
    assert connect is not None
    reader = connect(ReaderSettings(gateway="g", zone=ZONE, zone_name="+07:00"))({})
    reader.begin(NOW)
    lines = STREAMS[protocol]
    live = [message for line in lines for message in reader.feed(line, NOW) if isinstance(message, DecodedRead)]
    memory = read_file(b"".join(lines), FileSettings(zone=ZONE))
    assert memory.format.name == protocol
    assert memory.bad.first == []
    assert len(live) == len(lines)
    assert [
        (item.read.where, item.read.antenna, item.read.chip, item.at_us, item.read.rssi) for item in memory.reads
    ] == [(read.where, read.antenna, read.chip, read.at_us, read.rssi) for read in live]
