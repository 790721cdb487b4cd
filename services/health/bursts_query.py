"""How ClickHouse makes bursts of the table `reads`, so that not every read has to be fetched."""

BURSTS = (
    "SELECT chip, device, burst[1], burst[-1], length(burst) FROM (SELECT chip, device, arrayJoin(arraySplit("
    "(at_us, gap) -> gap > {gap:Int64}, times, arrayDifference(times))) AS burst FROM (SELECT chip, device,"
    " arraySort(groupUniqArray(at_us)) AS times FROM reads WHERE event = {event:String}"
    " AND offset <= {until:Int64} GROUP BY chip, device)) ORDER BY chip"
)
"""All reads of an event up to an offset by chip, device and time, those without a gap over `gap` as one."""
