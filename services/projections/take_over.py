"""Begin to write after another process: fence off what that one may still write, if it is only stopped and wakes up.

The order matters. The positions are stored under the new epoch before the fence, which makes older ones invalid. The
notice comes after the fence, so that live ignores the other's notices from then on; and what the other announced before
that, which live may have shown, is kept by a second look after the notice.

A process that claimed an epoch and was stopped before its fence may set it later, by what it saw then. So a writer also
sets fences for the epochs without one, with what it keeps itself: of several fences of an epoch the highest holds.
"""

import logging
import time

from aiokafka import AIOKafkaProducer

from schemas.notices import NOTICE_VERSION, RevisionNotice, encode_notice
from schemas.topics import STANDINGS
from services.projections.load import load_progress
from services.projections.sink import Sink
from services.projections.tables import columns_of
from services.runtime.clickhouse import Database

# The view `announced` as it was when the newest fence was that of the epoch `before`.
_KEPT = """
SELECT r.event, max(r.revision) FROM revisions AS r
LEFT JOIN (
    SELECT event, max(kept) AS kept FROM fences WHERE epoch = {before:Int64} AND event != '' GROUP BY event
) AS f ON r.event = f.event
WHERE r.epoch < {epoch:Int64} AND (r.epoch >= {before:Int64} OR (f.event != '' AND r.revision <= f.kept))
GROUP BY r.event ORDER BY r.event
"""
_NEWEST = "SELECT event, revision, announced_at_us FROM announced ORDER BY announced_at_us DESC LIMIT 1"

log = logging.getLogger(__name__)


async def newest_epoch(database: Database) -> int:
    """Return the epoch of the last writer, 0 if there was none. Raises DatabaseUnavailable."""
    ((epoch,),) = await database.query("SELECT max(epoch) FROM fences")
    return int(epoch)


async def take_over(database: Database, sink: Sink, producer: AIOKafkaProducer) -> None:
    """Let nothing count that writers of earlier epochs write from now on. Raises DatabaseUnavailable, KafkaError."""
    before = await newest_epoch(database)
    looking = {"before": before, "epoch": sink.epoch}
    await sink.remember(list((await load_progress(database)).values()))
    kept = dict(await database.query(_KEPT, looking))
    await _fence(sink, before, {"": -1, **kept})
    for event, revision, at_us in await database.query(_NEWEST):
        notice = RevisionNotice(
            v=NOTICE_VERSION,
            event=event,
            revision=revision,
            announced_at_us=at_us,
            epoch=sink.epoch,
            taken_over=True,
        )
        await producer.send_and_wait(STANDINGS.name, encode_notice(notice), key=event.encode(), partition=0)
    late = await database.query(_KEPT, looking)
    await _fence(sink, before, {event: revision for event, revision in late if revision > kept.get(event, -1)})


async def _fence(sink: Sink, before: int, kept: dict[str, int]) -> None:
    now_us = time.time_ns() // 1000
    epochs = range(before + 1, sink.epoch + 1)
    rows = [(epoch, event, revision, now_us) for epoch in epochs for event, revision in kept.items()]
    if rows:
        await sink.insert("fences", columns_of("fences", rows))
