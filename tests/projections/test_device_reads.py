"""How many reads of each device are on the log."""

from services.projections.device_reads import DeviceReads, DeviceTallies


def test_reads_that_come_a_second_time_after_a_crash_count_once():
    tallies = DeviceTallies()
    tallies.put("e", "K1", 60, 9_000_000)
    tallies.counted_to("e", 7)
    tallies.counted_to("e", 5)  # of another device
    tallies.add(["e", "e", "e", "f"], ["K1"] * 4, [8_000_000, 9_000_000, 9_500_000, 1_000_000], [6, 7, 8, 2])
    assert tallies.events == {"e": {"K1": DeviceReads(61, 9_500_000)}, "f": {"K1": DeviceReads(1, 1_000_000)}}
