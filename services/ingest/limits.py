"""Ingest's limits: one frozen struct with a default for each, so that a test passes a tighter one."""

from msgspec import Struct

from services.ingest.dead_letter_quota import QuotaLimits
from services.ingest.decoders.arrival_clock import TURN_S


class IngestLimits(Struct, frozen=True, kw_only=True):
    """How much ingest takes at once, and how long it waits. Seconds end in `_s`."""

    # Requests
    ack_wait_s: float = 10.0  # a request waits so long for Kafka before it is answered 503
    body_wait_s: float = 60.0  # for a whole body; a stalled one would hold its place among the requests forever
    body_grace_s: float = 10.0  # for a radio to come back; beyond it a body has to keep up a least rate
    upload_wait_s: float = 30.0  # for the whole body of a RACE RESULT upload
    # Of one token
    token_requests_a_second: float = 1_000  # full requests at that rate are 25 times what one process takes
    token_burst: float = 2_000  # requests at once after a pause
    token_bodies: int = 32  # coming in at once: an eighth of all that are worked on; 128 MiB at the most
    # Connections by HTTP
    connections: int = 1_024  # far more than there are gateways, and within a process's open files
    connections_of_token: int = 64  # that are kept; a token's holder has a handful
    # Refusals
    refusals_a_second: float = 50
    refusals_at_once: float = 32  # after a quiet time; a bomb costs a hundredth of a second before it is recognized
    refusals_waiting: int = 128  # further ones are hung up on; the last waits refusals_waiting / refusals_a_second s
    refusal_hang_up_s: float = 2.0  # before a refusal too many is hung up on
    # Readers and files
    reader_restart_s: float = 5.0  # before a reader that failed is started again
    reader_close_s: float = 5.0  # for messages on their way to Kafka when a reader is stopped
    clock_turn_s: float = TURN_S  # reads of so long count together where clocks are watched
    watch_files_s: float = 1.0  # how often files of settings are looked at
    dead_letters: QuotaLimits = QuotaLimits()
