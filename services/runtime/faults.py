"""Faults that keep the stack from starting, with messages that tell a person what to do."""


class StartFault(Exception):
    """Something outside Matline prevents a start. The message names it and the remedy, and is shown alone."""
