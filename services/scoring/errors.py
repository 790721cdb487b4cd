"""Errors that scoring cannot go on from: each ends the process with its text, and the supervisor starts it again.

Input that is merely bad is no error here: it goes to `rejected`, and the partition goes on.
"""


class ScoringStopped(Exception):
    """Scoring cannot go on; the message says why, and what to do where there is something to do."""


class LogDisagrees(ScoringStopped):
    """The race log is no longer the one that was folded: restored, re-created, or cut."""

    def __init__(self, partition: int, what: str) -> None:
        super().__init__(
            f"race-log partition {partition} is no longer the log that was scored: {what}. Boards made from the old one"
            " may be wrong: run `matline rebuild`"
        )


class Stalled(ScoringStopped):
    """The log has more and nothing of it arrives, though Kafka answers."""


class NewerRecord(ScoringStopped):
    """A record was written by a newer release."""

    def __init__(self, partition: int, offset: int, what: str) -> None:
        super().__init__(
            f"race-log partition {partition} offset {offset}: {what}. Nothing is wrong with the record, and nothing"
            " behind it is scored: upgrade scoring (always before ingest)"
        )
