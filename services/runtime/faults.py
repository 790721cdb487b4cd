"""What can keep the stack from starting, said so that a person can do something about it."""


class StartFault(Exception):
    """Something outside Matline is in the way; the message names it and the remedy. Shown without a traceback."""
