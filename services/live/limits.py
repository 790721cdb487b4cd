"""Live's limits: one frozen struct with a default for each, so that a test passes a tighter one."""

from msgspec import Struct


class LiveLimits(Struct, frozen=True, kw_only=True):
    """Limits of what live holds and sends, and of how long it waits. Names of seconds end in `_s`."""

    # Streams
    viewers: int = 20_000  # open streams of one process, some 30 KB each
    waiting_bytes: int = 512 * 1024  # of events for one viewer; a viewer further behind is disconnected
    heartbeat_s: float = 5.0  # between beats on a stream; a page takes a server for lost that sends none for 10 s
    rows_of_event: int = 200  # changed lines of a board below the rows that a stream follows; more are left out
    athletes_of_change: int = 1_000  # between two revisions, store.CHANGED_MAX at most; of more, viewers get a snapshot
    # Previews
    previews: int = 4  # asked for at once: one is worked out, the others wait for it
    preview_s: float = 60.0  # for one: the first of an event of 50,000 takes a few seconds
    preview_wait_s: float = 0.3  # before facts and reads are asked for again that are written after the boards
    preview_idle_s: float = 900.0  # after the last one the process ends; it holds some 8 kB an athlete
    # Access
    check_tokens_s: float = 0.1  # between checks for readers' tokens; a check costs as much as an answer from the cache
