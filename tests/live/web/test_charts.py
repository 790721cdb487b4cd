"""Charts: faster is higher, further behind is lower, and labels have room."""

from services.live.web.charts import BOTTOM, LEFT, RIGHT, TOP, Segment, gap_chart, pace_chart

MINUTE_US = 60_000_000


def test_a_faster_stretch_is_higher_and_the_average_between():
    chart = pace_chart([Segment(0, 5, 20 * MINUTE_US, "4:00"), Segment(5, 10, 25 * MINUTE_US, "5:00")])
    fast, slow = chart.bars
    assert (fast.x1, slow.x2, fast.y) == (LEFT, RIGHT, TOP)
    assert fast.y < chart.average_y < slow.y < BOTTOM
    assert [bar.label for bar in chart.bars] == ["4:00", "5:00"]
    assert [tick.label for tick in chart.ticks] == ["0", "5", "10"]


def test_one_stretch_makes_no_chart():
    assert pace_chart([Segment(0, 5, MINUTE_US, "0:12")]) is None
    assert pace_chart([Segment(0, 5, MINUTE_US, "0:12"), Segment(5, 5, 0, "")]) is None


def test_labels_are_left_out_where_there_is_no_room():
    chart = pace_chart([Segment(km, km + 1, 4 * MINUTE_US + km, "4:00") for km in range(40)])
    labelled = [bar for bar in chart.bars if bar.label]
    assert 5 < len(labelled) < 12
    assert chart.ticks[-1].label == "40"


def test_an_even_run_is_in_the_middle():
    chart = pace_chart([Segment(0, 5, MINUTE_US, "0:12"), Segment(5, 10, MINUTE_US, "0:12")])
    assert chart.bars[0].y == chart.bars[1].y == chart.average_y


def test_the_first_at_a_point_is_above_those_behind():
    chart = gap_chart([[(5, 0), (10, 3 * MINUTE_US)], [(5, MINUTE_US)], [(5, MINUTE_US), (10, 0)]])
    assert [line.number for line in chart.lines] == [1, 3]  # the second has no line
    assert [y for _, y in chart.lines[0].dots] == [TOP, BOTTOM]
    assert chart.most_us == 3 * MINUTE_US
    assert gap_chart([[(5, 0), (10, 0)]]) is None
