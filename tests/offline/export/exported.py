"""A log as the exports take it."""

from services.offline.export.publications import PublishingLog
from services.offline.scored_log import scored
from tests.builders import log


def read(*facts):
    """The log of these facts, and everything that it says."""
    made = PublishingLog()
    for line in log(*facts):
        made.add(line)
    return made, scored(made.state)


def rows(table, *columns):
    """Some columns of a table's rows."""
    indexes = [table.columns.index(name) for name in columns]
    return [tuple(row[index] for index in indexes) for row in table.rows]
