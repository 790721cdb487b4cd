"""Ingest's limits: one frozen struct with a default for each, so that tests can pass tighter ones."""

from msgspec import Struct

from services.ingest.dead_letter_quota import QuotaLimits
from services.ingest.decoders.arrival_clock import TURN_S


class IngestLimits(Struct, frozen=True, kw_only=True):
    """How much ingest takes at once, and how long it waits; names of durations in seconds end in `_s`."""

    # Requests
    ack_wait_s: float = 10.0  # how long a request waits for Kafka before it is answered 503
    body_wait_s: float = 60.0  # for a whole body; a stalled one would otherwise count among the open requests forever
    body_grace_s: float = 10.0  # for a radio link to come back; after that a body has to keep up a minimum rate
    upload_wait_s: float = 30.0  # for the whole body of a RACE RESULT upload
    # Of one token
    token_requests_a_second: float = 1_000  # full requests at this rate are 25 times what one process can take
    token_burst: float = 2_000  # requests at once after a pause
    token_bodies: int = 32  # bodies coming in at once: an eighth of all requests at work; 128 MiB at most
    # Connections by HTTP
    connections: int = 1_024  # far more than there are gateways, and within a process's open files
    connections_of_token: int = 64  # kept for one token; its holder needs a handful
    # Refusals
    refusals_a_second: float = 50
    refusals_at_once: float = (
        32  # after a pause; a decompression bomb costs a hundredth of a second before it is recognized
    )
    refusals_waiting: int = (
        128  # beyond it connections are closed; the last waits refusals_waiting / refusals_a_second s
    )
    refusal_hang_up_s: float = 2.0  # before the connection of a refusal too many is closed
    # Readers and files
    reader_restart_s: float = 5.0  # before a reader that failed is started again
    reader_close_s: float = 5.0  # for messages on their way to Kafka when a reader is stopped
    clock_turn_s: float = TURN_S  # how long a window of reads is by which clocks are judged
    watch_files_s: float = 1.0  # how often settings files are checked for changes
    dead_letters: QuotaLimits = QuotaLimits()
