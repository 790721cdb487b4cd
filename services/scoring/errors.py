"""Errors that stop scoring: each ends the process with its text, and the supervisor starts the process again.

Input that is merely bad is not such an error: it goes to `rejected`, and the partition goes on.
"""


class ScoringStopped(Exception):
    """Scoring cannot go on; the message says why and, where a person can help, how."""


class LogDisagrees(ScoringStopped):
    """The race log is no longer the one that was scored: it was restored, re-created or cut."""

    def __init__(self, partition: int, what: str) -> None:
        super().__init__(
            f"race-log partition {partition} is no longer the log that was scored: {what}. Boards made from the old log"
            " may be wrong: run `matline rebuild`"
        )


class Stalled(ScoringStopped):
    """The log has more records, but none arrives, although Kafka answers."""


class NewerRecord(ScoringStopped):
    """A record was written by a newer release."""

    def __init__(self, partition: int, offset: int, what: str) -> None:
        super().__init__(
            f"race-log partition {partition} offset {offset}: {what}. Nothing is wrong with the record, but neither it"
            " nor the records after it are scored: upgrade scoring. An older release cannot go past it, so this is also"
            " what to do if one was just put back"
        )
